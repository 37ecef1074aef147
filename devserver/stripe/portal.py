"""The billing portal: its configurations and sessions."""

from typing import Any

from devserver.stripe import listing
from devserver.stripe.errors import invalid
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj
from devserver.stripe.world import World

_REASONS = ("too_expensive", "missing_features", "switched_service", "unused", "other")


def create_configuration(world: World, params: Obj) -> Obj:
    return _configuration(world, params, default=False)


def _configuration(world: World, params: Obj, *, default: bool) -> Obj:
    profile = {"headline": None, "privacy_policy_url": None, "terms_of_service_url": None}
    features = _features(params.get("features") or {})
    made = world.new(
        "billing_portal.configuration",
        "bpc",
        active=True,
        application=None,
        business_profile={**profile, **(params.get("business_profile") or {})},
        default_return_url=params.get("default_return_url"),
        features=features,
        is_default=default,
        login_page={"enabled": False, "url": None},
        metadata=merged({}, params.get("metadata") or {}),
        name=params.get("name"),
        updated=world.now(),
    )
    world.emit("billing_portal.configuration.created", made)
    return made


def _features(given: Obj) -> Obj:
    default: dict[str, Any] = {
        "customer_update": {"allowed_updates": ["email", "name"], "enabled": False},
        "invoice_history": {"enabled": True},
        "payment_method_update": {"enabled": True, "payment_method_configuration": None},
        "subscription_cancel": {
            "cancellation_reason": {"enabled": False, "options": list(_REASONS)},
            "enabled": True,
            "mode": "at_period_end",
            "proration_behavior": "none",
        },
        "subscription_update": {
            "billing_cycle_anchor": None,
            "default_allowed_updates": [],
            "enabled": False,
            "products": [],
            "proration_behavior": "none",
            "schedule_at_period_end": {"conditions": []},
            "trial_update_behavior": "end_trial",
        },
    }
    return {key: {**value, **(given.get(key) or {})} for key, value in default.items()}


def retrieve_configuration(world: World, params: Obj, *, configuration: str) -> Obj:
    return world.store.get("billing_portal.configuration", configuration)


def update_configuration(world: World, params: Obj, *, configuration: str) -> Obj:
    found = world.store.get("billing_portal.configuration", configuration)
    with world.changing(found, "billing_portal.configuration.updated"):
        for key in ("active", "default_return_url", "name"):
            if key in params:
                found[key] = params[key]
        for key, value in (params.get("features") or {}).items():
            found["features"][key] = {**found["features"][key], **value}
        if "metadata" in params:
            found["metadata"] = merged(found["metadata"], params["metadata"])
        found["updated"] = world.now()
    return found


def list_configurations(world: World, params: Obj) -> Obj:
    rows = world.store.newest_first("billing_portal.configuration")
    found = listing.matching(rows, params, "active", "is_default")
    return listing.page(world, found, params, url="/v1/billing_portal/configurations")


def default_configuration(world: World) -> Obj:
    """Return the account's default. It is created on the first call."""
    for row in world.store.oldest_first("billing_portal.configuration"):
        if row["is_default"]:
            return row
    return _configuration(world, {}, default=True)


def create_session(world: World, params: Obj) -> Obj:
    customer = world.store.get("customer", params.get("customer"), param="customer")
    kind = "billing_portal.configuration"
    given = params.get("configuration")
    configuration = (
        world.store.get(kind, given, param="configuration")
        if given
        else default_configuration(world)
    )
    if not configuration["active"]:
        raise invalid("The configuration is not active.", param="configuration")
    ident = world.store.new_id("bps")
    session = world.new(
        "billing_portal.session",
        "bps",
        id=ident,
        configuration=configuration["id"],
        customer=customer["id"],
        customer_account=None,
        flow=_flow(params.get("flow_data")),
        locale=params.get("locale"),
        on_behalf_of=None,
        return_url=params.get("return_url") or configuration["default_return_url"],
        url=f"{world.base_url}/p/session/{ident}",
    )
    world.emit("billing_portal.session.created", session)
    return session


def _flow(given: Obj | None) -> Obj | None:
    if not given:
        return None
    after = {"hosted_confirmation": None, "redirect": None, "type": "portal_homepage"}
    kinds = ("subscription_cancel", "subscription_update", "subscription_update_confirm")
    return {
        **{kind: given.get(kind) for kind in kinds},
        "after_completion": {**after, **(given.get("after_completion") or {})},
        "type": given["type"],
    }
