"""The status of a subscription, which depends on its payments."""

from collections.abc import Iterator
from contextlib import contextmanager

from devserver.stripe import items
from devserver.stripe.store import Obj
from devserver.stripe.world import World

OVER = ("canceled", "incomplete_expired")


@contextmanager
def changing(world: World, subscription: Obj) -> Iterator[Obj]:
    """Send an event for the block's changes, unless the subscription's creation is not sent yet."""
    if subscription["_announced"]:
        with world.changing(subscription, "customer.subscription.updated"):
            yield subscription
    else:
        yield subscription


def of_invoice(world: World, invoice: Obj) -> Obj | None:
    details = (invoice["parent"] or {}).get("subscription_details")
    return world.store.find("subscription", details["subscription"]) if details else None


def paid(world: World, invoice: Obj, *, method: str | None) -> None:
    """Apply a paid invoice: the subscription begins or becomes active again."""
    subscription = of_invoice(world, invoice)
    if subscription is None or subscription["status"] in OVER:
        return
    with changing(world, subscription):
        if _settles(world, subscription, invoice):
            subscription["status"] = "active"
        if (
            method
            and subscription["payment_settings"]["save_default_payment_method"] == "on_subscription"
        ):
            subscription["default_payment_method"] = method
        _apply_pending(world, subscription, invoice)


def _settles(world: World, subscription: Obj, invoice: Obj) -> bool:
    if subscription["status"] == "incomplete":
        return True
    latest = subscription["latest_invoice"] == invoice["id"]
    return latest and subscription["status"] in ("past_due", "unpaid")


def _apply_pending(world: World, subscription: Obj, invoice: Obj) -> None:
    if subscription["_pending_invoice"] != invoice["id"]:
        return
    target = items.stored_parts(world, subscription["_pending_parts"])
    items.replace(world, subscription, target)
    if subscription["_pending_reset"]:
        items.start_period(world, subscription, invoice["created"], reset=True)
    forget_pending(subscription)
    if subscription["_announced"]:
        world.emit("customer.subscription.pending_update_applied", subscription)


def forget_pending(subscription: Obj) -> None:
    subscription["pending_update"] = None
    for key in ("_pending_invoice", "_pending_parts", "_pending_reset"):
        subscription[key] = None


def failed(world: World, invoice: Obj) -> None:
    """Apply a failed charge: an active subscription becomes past due, others stay incomplete."""
    subscription = of_invoice(world, invoice)
    if subscription is None or subscription["_pending_invoice"] == invoice["id"]:
        return
    if subscription["status"] in ("active", "trialing"):
        with changing(world, subscription):
            subscription["status"] = "past_due"
