"""Customers."""

from typing import Any

from devserver.stripe import cancellation, discounts, listing, payment_methods
from devserver.stripe.errors import invalid, missing
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj, scramble
from devserver.stripe.world import World

_TEXTS = ("description", "email", "name", "phone", "preferred_locales", "shipping", "address",
          "tax_exempt", "balance")  # fmt: skip


def create(world: World, params: Obj) -> Obj:
    ident = world.store.new_id("cus")
    customer = world.new(
        "customer",
        "cus",
        id=ident,
        address=None,
        balance=0,
        currency=None,
        customer_account=None,
        default_source=None,
        delinquent=False,
        description=None,
        discount=None,
        email=None,
        invoice_prefix=scramble(ident, length=8).upper(),
        invoice_settings=_no_settings(),
        metadata={},
        name=None,
        next_invoice_sequence=1,
        phone=None,
        preferred_locales=[],
        shipping=None,
        tax_exempt="none",
        test_clock=None,
    )
    try:
        _attach(world, customer, params)
        _write(world, customer, params)
    except Exception:
        world.store.remove(customer)
        raise
    world.emit("customer.created", customer)
    return customer


def _no_settings() -> Obj:
    return {
        "custom_fields": None,
        "default_payment_method": None,
        "footer": None,
        "rendering_options": None,
    }


def _attach(world: World, customer: Obj, params: Obj) -> None:
    if ident := params.get("payment_method"):
        method = payment_methods.resolve(world, ident, param="payment_method")
        payment_methods.attach_to(world, method, customer)
        default = (params.get("invoice_settings") or {}).get("default_payment_method")
        if default == ident:
            params["invoice_settings"]["default_payment_method"] = method["id"]


def _write(world: World, customer: Obj, params: Obj) -> None:
    for key in _TEXTS:
        if key in params:
            customer[key] = _checked(key, params[key])
    if "metadata" in params:
        customer["metadata"] = merged(customer["metadata"], params["metadata"])
    if "invoice_settings" in params:
        settings = params["invoice_settings"] or _no_settings()
        if ident := settings.get("default_payment_method"):
            payment_methods.owned(
                world, ident, customer, param="invoice_settings[default_payment_method]"
            )
        customer["invoice_settings"] = {**customer["invoice_settings"], **settings}
    if wanted := params.get("coupon") or params.get("promotion_code"):
        made = discounts.create(world, {"coupon": wanted}, customer=customer["id"])
        customer["discount"] = made["id"]


def _checked(key: str, value: Any) -> Any:
    if key == "email" and value is not None and ("@" not in value or len(value) > 512):
        raise invalid(f"Invalid email address: {value}", param="email", code="email_invalid")
    if key == "balance":
        return value or 0
    return value


def retrieve(world: World, params: Obj, *, customer: str) -> Obj:
    found = world.store.find("customer", customer)
    if found is None:
        raise missing("customer", customer)
    return found


def update(world: World, params: Obj, *, customer: str) -> Obj:
    found = world.store.get("customer", customer)
    with world.changing(found, "customer.updated"):
        _write(world, found, params)
    return found


def delete(world: World, params: Obj, *, customer: str) -> Obj:
    """Delete it as Stripe does: subscriptions end at once, and only a stub can be retrieved."""
    found = world.store.get("customer", customer)
    for subscription in world.store.oldest_first("subscription"):
        if subscription["customer"] == customer and subscription["ended_at"] is None:
            cancellation.cancel_now(world, subscription)
    for method in world.store.oldest_first("payment_method"):
        if method["customer"] == customer:
            payment_methods.detach_from_owner(world, method)
    world.emit("customer.deleted", found)
    stub = {"id": customer, "object": "customer", "deleted": True}
    found.clear()
    found.update(stub)
    return found


def index(world: World, params: Obj) -> Obj:
    alive = (one for one in world.store.newest_first("customer") if not one.get("deleted"))
    found = listing.matching(alive, params, "email", "test_clock")
    return listing.page(world, found, params, url="/v1/customers")


def search(world: World, params: Obj) -> Obj:
    alive = (one for one in world.store.newest_first("customer") if not one.get("deleted"))
    return listing.search(world, alive, params, url="/v1/customers/search")
