"""Storing a scheduled downgrade while its schedule at Stripe is released.

While a schedule exists, Stripe allows no other change, so it is released before an upgrade is
attempted. The scheduled change is stored first. It is deleted when the upgrade succeeds, and
scheduled again when the upgrade is declined, is not confirmed, or its process died.
"""

from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from billing.entitlements import state
from billing.models import ScheduledChange, Subscription
from billing.pricing import prices
from billing.stripe import gateway
from billing.stripe import readings as read
from core.errors import ApiError

log = structlog.get_logger("tokengate.billing")

LEASE = timedelta(minutes=3)  # longer than all calls of one request with their retries


def take_down_schedule(row: Subscription, found: gateway.Obj) -> None:
    """Release the schedule of a subscription, and store its scheduled change.

    Until ``LEASE`` is over, only the caller can schedule it again.
    """
    until = timezone.now() + LEASE
    if to_come := read.price_to_come(found):
        prices.learn({read.price_of(found), to_come})
        kept = {"present_id": read.price_of(found), "price_id": to_come, "leased_until": until}
        ScheduledChange.objects.update_or_create(subscription=row, defaults=kept)
    else:
        ScheduledChange.objects.filter(subscription=row).update(leased_until=until)
    if schedule := read.open_schedule(found):
        gateway.release_schedule(schedule)


def clear(row: Subscription) -> None:
    """Delete the stored change: another one was made instead."""
    ScheduledChange.objects.filter(subscription=row).delete()


def let_go(row: Subscription) -> None:
    """End the caller's lease, so that the change can be scheduled again."""
    ScheduledChange.objects.filter(subscription=row).update(leased_until=timezone.now())


def put_back(stripe_id: str) -> str | None:
    """Schedule the stored change again, unless it is obsolete or the upgrade can still be paid.

    Returns the plan that is to come again, if one is. Does nothing while another process has the
    change. Raises ``ApiError``: then a later call does it.
    """
    scheduled = _leased(stripe_id)
    if scheduled is None:
        return None
    # An upgrade that begins meanwhile takes the lease over: then the change is no longer ours.
    ours = ScheduledChange.objects.filter(pk=scheduled.pk, leased_until=scheduled.leased_until)
    found = gateway.subscription(stripe_id)
    if found.get("pending_update"):
        ours.update(leased_until=timezone.now())
        return None
    planned = _plan_again(scheduled, found)
    ours.delete()
    state.refresh(stripe_id)
    return planned


def restore_overdue() -> int:
    """Schedule changes again whose lease has expired; returns how many."""
    late = ScheduledChange.objects.filter(leased_until__lte=timezone.now())
    ids = list(late.values_list("subscription__stripe_id", flat=True))
    return sum(try_to_put_back(str(stripe_id)) for stripe_id in ids)


def try_to_put_back(stripe_id: str) -> bool:
    """Do so if Stripe answers; else the worker does it in some minutes (``mend``)."""
    try:
        return put_back(stripe_id) is not None
    except ApiError as failed:
        log.warning("change_not_put_back", subscription=stripe_id, error=failed.code)
        return False


def _leased(stripe_id: str) -> ScheduledChange | None:
    """Take the lease, so that only one of two processes schedules the change."""
    now = timezone.now()
    until = now + LEASE
    rows = ScheduledChange.objects.filter(subscription__stripe_id=stripe_id)
    if not rows.filter(leased_until__lte=now).update(leased_until=until):
        return None
    return rows.filter(leased_until=until).select_related("subscription", "price").first()


def _plan_again(scheduled: ScheduledChange, found: gateway.Obj) -> str | None:
    over = found["status"] in state.OVER or read.ends_with_period(found)
    if over or read.price_of(found) != scheduled.present_id or read.price_to_come(found):
        return None
    if schedule := read.open_schedule(found):  # Begun by a process that died before it was filled.
        gateway.release_schedule(schedule)
    key = f"{scheduled.pk}:shelved:{_mark(scheduled.leased_until)}"
    gateway.schedule_change(found, price_id=scheduled.price_id, key=key)
    log.info("change_put_back", subscription=found["id"], price=scheduled.price_id)
    return str(scheduled.price.plan_id)


def _mark(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)
