"""Due changes, in the order of their times."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from devserver.stripe import cancellation, invoices, items, schedules, standing, subscriptions
from devserver.stripe import subscription_changes as changes
from devserver.stripe.store import Obj
from devserver.stripe.world import World


@dataclass(order=True)
class Due:
    """A due change. ``rank`` orders those of the same second."""

    at: int
    rank: int
    run: Callable[[World, Obj], None] = field(compare=False)
    obj: Obj = field(compare=False)


def run_next(world: World, *, until: int) -> bool:
    """Make the next change that is due by ``until``, at its own time; False if there is none."""
    first = min((due for due in _all(world) if due.at <= until), default=None)
    if first is None:
        return False
    world.clock.move_to(first.at)
    first.run(world, first.obj)
    return True


def _all(world: World) -> Iterator[Due]:
    for schedule in world.store.newest_first("subscription_schedule"):
        if schedule["status"] == "active":
            yield Due(schedule["current_phase"]["end_date"], 0, schedules.advance, schedule)
    for subscription in world.store.newest_first("subscription"):
        if subscription["status"] not in standing.OVER:
            yield from _of_subscription(world, subscription)
    yield from _of_invoices(world)
    for session in world.store.newest_first("checkout.session"):
        if session["status"] == "open":
            yield Due(session["expires_at"], 5, expire_session, session)


def _of_invoices(world: World) -> Iterator[Due]:
    for invoice in world.store.newest_first("invoice"):
        if invoice["status"] == "draft" and invoice["automatically_finalizes_at"]:
            yield Due(invoice["automatically_finalizes_at"], 3, _finalize, invoice)
        if invoice["status"] == "open" and invoice["next_payment_attempt"]:
            yield Due(invoice["next_payment_attempt"], 4, retry, invoice)


def _of_subscription(world: World, subscription: Obj) -> Iterator[Due]:
    status = subscription["status"]
    if subscription["cancel_at"]:
        yield Due(subscription["cancel_at"], 1, _cancel, subscription)
    if subscription["pending_update"]:
        yield Due(
            subscription["pending_update"]["expires_at"], 1, changes.expire_pending, subscription
        )
    if status == "incomplete":
        waits = subscription["created"] + subscriptions.WAITS
        yield Due(waits, 1, cancellation.expire, subscription)
    elif status == "trialing":
        end = subscription["trial_end"]
        if not subscription["_warned"]:
            yield Due(end - subscriptions.WARNING, 1, subscriptions.warn_of_trial_end, subscription)
        yield Due(end, 2, subscriptions.end_trial, subscription)
    elif status != "paused":
        yield Due(items.period_of(world, subscription)[1], 2, subscriptions.renew, subscription)


def _cancel(world: World, subscription: Obj) -> None:
    cancellation.cancel_now(world, subscription)


def _finalize(world: World, invoice: Obj) -> None:
    invoices.finalize(world, invoice)
    paused = (standing.of_invoice(world, invoice) or {}).get("pause_collection")
    if invoice["status"] == "open" and not paused:
        invoices.collect(world, invoice)


def retry(world: World, invoice: Obj) -> None:
    """Retry the collection. After the last attempt, the account's settings decide."""
    invoice["_retries"] += 1
    if invoices.collect(world, invoice) == "succeeded" or invoice["next_payment_attempt"]:
        return
    subscription = standing.of_invoice(world, invoice)
    if subscription is None or subscription["status"] in standing.OVER:
        return
    if world.settings.after_retries == "cancel":
        cancellation.cancel_now(world, subscription, reason="payment_failed")
    elif world.settings.after_retries == "unpaid":
        with world.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = "unpaid"


def expire_session(world: World, session: Obj) -> None:
    session.update(status="expired", url=None)
    world.emit("checkout.session.expired", session)
