"""The account, its events, and its webhook endpoints."""

import fnmatch

from devserver.stripe import listing
from devserver.stripe.errors import invalid, missing
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj, scramble
from devserver.stripe.world import ACCOUNT_ID, World


def retrieve(world: World, params: Obj) -> Obj:
    return {
        "id": ACCOUNT_ID,
        "object": "account",
        "business_profile": {"mcc": "5734", "name": "Tokengate", "product_description": None,
                             "support_address": None, "support_email": None, "support_phone": None,
                             "support_url": None, "url": "https://tokengate.example"},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": world.country,
        "created": 1_700_000_000,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "owner@tokengate.example",
        "external_accounts": {"object": "list", "data": [], "has_more": False,
                              "url": f"/v1/accounts/{ACCOUNT_ID}/external_accounts"},
        "future_requirements": _no_requirements(),
        "metadata": {},
        "payouts_enabled": True,
        "requirements": _no_requirements(),
        "settings": _settings(),
        "tos_acceptance": {"date": 1_700_000_000},
        "type": "standard",
    }  # fmt: skip


def retrieve_by_id(world: World, params: Obj, *, account: str) -> Obj:
    if account != ACCOUNT_ID:
        message = (
            "The provided key does not have access to account "
            f"'{account}' (or that account does not exist)."
        )
        raise invalid(message, code="account_invalid")
    return retrieve(world, params)


def _no_requirements() -> Obj:
    lists = ("alternatives", "currently_due", "errors", "eventually_due", "past_due",
             "pending_verification")  # fmt: skip
    return {**{key: [] for key in lists}, "current_deadline": None, "disabled_reason": None}


def _settings() -> Obj:
    return {
        "bacs_debit_payments": {"display_name": None, "service_user_number": None},
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_issuing": {"tos_acceptance": {"date": None, "ip": None}},
        "card_payments": {"decline_on": {"avs_failure": False, "cvc_failure": False},
                          "statement_descriptor_prefix": None,
                          "statement_descriptor_prefix_kana": None,
                          "statement_descriptor_prefix_kanji": None},
        "dashboard": {"display_name": "Tokengate", "timezone": "Etc/UTC"},
        "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": "offer"},
        "payments": {"statement_descriptor": "TOKENGATE", "statement_descriptor_kana": None,
                     "statement_descriptor_kanji": None},
        "payouts": {"debit_negative_balances": True,
                    "schedule": {"delay_days": 2, "interval": "daily"},
                    "statement_descriptor": None},
        "sepa_debit_payments": {},
    }  # fmt: skip


# Events.


def retrieve_event(world: World, params: Obj, *, event: str) -> Obj:
    return world.store.get("event", event)


def list_events(world: World, params: Obj) -> Obj:
    found = world.store.newest_first("event")
    if kind := params.get("type"):
        found = (row for row in found if fnmatch.fnmatchcase(row["type"], kind))
    if kinds := params.get("types"):
        found = (row for row in found if row["type"] in kinds)
    return listing.page(world, found, params, url="/v1/events")


# Webhook endpoints.


def create_endpoint(world: World, params: Obj, *, secret: str | None = None) -> Obj:
    """Register an endpoint; ``secret`` is made up unless given. Only this answer shows it."""
    url = params["url"]
    if not url.startswith(("http://", "https://")):
        message = "Invalid URL: An explicit scheme (such as https) must be provided."
        raise invalid(message, param="url", code="url_invalid")
    if not params["enabled_events"]:
        raise invalid("You must enable at least one event.", param="enabled_events")
    ident = world.store.new_id("we")
    endpoint = world.new(
        "webhook_endpoint",
        "we",
        id=ident,
        api_version=params.get("api_version"),
        application=None,
        description=params.get("description"),
        enabled_events=params["enabled_events"],
        metadata=merged({}, params.get("metadata") or {}),
        status="enabled",
        url=url,
        _secret=secret or f"whsec_{scramble(f'secret of {ident}', length=32)}",
    )
    return {**world.show(endpoint), "secret": endpoint["_secret"]}


def retrieve_endpoint(world: World, params: Obj, *, endpoint: str) -> Obj:
    return world.store.get("webhook_endpoint", endpoint)


def update_endpoint(world: World, params: Obj, *, endpoint: str) -> Obj:
    found = world.store.get("webhook_endpoint", endpoint)
    for key in ("url", "enabled_events", "description"):
        if key in params:
            found[key] = params[key]
    if "disabled" in params:
        found["status"] = "disabled" if params["disabled"] else "enabled"
    if "metadata" in params:
        found["metadata"] = merged(found["metadata"], params["metadata"])
    return found


def delete_endpoint(world: World, params: Obj, *, endpoint: str) -> Obj:
    found = world.store.find("webhook_endpoint", endpoint)
    if found is None:
        raise missing("webhook endpoint", endpoint)
    world.store.remove(found)
    return {"id": endpoint, "object": "webhook_endpoint", "deleted": True}


def list_endpoints(world: World, params: Obj) -> Obj:
    rows = world.store.newest_first("webhook_endpoint")
    return listing.page(world, rows, params, url="/v1/webhook_endpoints")
