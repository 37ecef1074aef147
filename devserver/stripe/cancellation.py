"""Canceling a subscription: at once, at the end of a period, or because it was incomplete."""

from devserver.stripe import invoices, items, lines, standing
from devserver.stripe.store import Obj
from devserver.stripe.world import World


def cancel_now(
    world: World,
    subscription: Obj,
    *,
    reason: str = "cancellation_requested",
    details: Obj | None = None,
    prorate: bool = False,
    invoice_now: bool = False,
) -> Obj:
    """End it; ``prorate`` credits the rest of the period, ``invoice_now`` at once."""
    _let_go_of_schedule(world, subscription)
    if prorate and subscription["status"] in ("active", "past_due"):
        _credit(world, subscription, at_once=invoice_now)
    _stop_collecting(world, subscription)
    subscription["canceled_at"] = subscription["canceled_at"] or world.now()
    subscription["ended_at"] = world.now()
    subscription["status"] = "canceled"
    subscription["pending_update"] = None
    subscription["cancellation_details"].update(details or {})
    if subscription["cancellation_details"]["reason"] is None:
        subscription["cancellation_details"]["reason"] = reason
    world.emit("customer.subscription.deleted", subscription)
    return subscription


def _let_go_of_schedule(world: World, subscription: Obj) -> None:
    schedule = world.store.find("subscription_schedule", subscription["schedule"])
    if schedule is not None and schedule["status"] == "active":
        schedule.update(status="canceled", canceled_at=world.now(), current_phase=None)
        world.emit("subscription_schedule.canceled", schedule)


def _credit(world: World, subscription: Obj, *, at_once: bool) -> None:
    customer = world.store.get("customer", subscription["customer"])
    parts = items.parts_of(world, subscription)
    period = items.period_of(world, subscription)
    credited = lines.unused(world, before=parts, period=period, at=world.now())
    if not at_once:
        return
    invoice = invoices.draft(
        world, customer, credited, reason="manual", currency=subscription["currency"],
        subscription=subscription,
    )  # fmt: skip
    invoices.announce(world, invoice)
    subscription["latest_invoice"] = invoice["id"]
    invoices.finalize(world, invoice)
    if invoice["status"] == "open":
        invoices.collect(world, invoice)


def _stop_collecting(world: World, subscription: Obj) -> None:
    """Stop drafts and retries. Open invoices can still be paid manually."""
    for invoice in world.store.oldest_first("invoice"):
        if standing.of_invoice(world, invoice) is subscription and invoice["status"] in (
            "draft",
            "open",
        ):
            invoice.update(auto_advance=False, next_payment_attempt=None)
            invoice["automatically_finalizes_at"] = None


def expire(world: World, subscription: Obj) -> None:
    """Expire it: the first payment was not made within 23 hours."""
    with standing.changing(world, subscription):
        subscription["status"] = "incomplete_expired"
        subscription["ended_at"] = world.now()
    invoice = world.store.find("invoice", subscription["latest_invoice"])
    if invoice is not None and invoice["status"] == "open":
        invoices.void(world, invoice)


def plan(world: World, subscription: Obj, *, at: int | None, period_end: bool) -> None:
    """Cancel at the period's end or at ``at``. With neither, undo a scheduled cancellation."""
    if period_end:
        at = items.period_of(world, subscription)[1]
    subscription["cancel_at"] = at
    subscription["cancel_at_period_end"] = period_end
    subscription["canceled_at"] = world.now() if at else None
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if at else None
