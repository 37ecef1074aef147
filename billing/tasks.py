"""Celery tasks of billing. All are idempotent, and do nothing without a Stripe key."""

from functools import partial
from typing import Any

from celery import shared_task

from accounts.models import User
from billing import messages
from billing.entitlements import allocation, state
from billing.events import sync, webhooks
from billing.models import StripeEvent
from billing.pricing import plans
from billing.stripe import customers, gateway
from billing.stripe import mirror as mirroring
from billing.subscriptions import leaving, locks, scheduled_changes
from billing.topups import automatic, buying
from core.errors import Unavailable

_CHANGES_MEANWHILE = 5  # of an address; what is missed then is found nightly

retried = partial(
    shared_task,
    autoretry_for=(Unavailable, OSError),
    retry_backoff=5,
    retry_backoff_max=600,
    max_retries=8,
)


@retried()
def make_customer(user_id: int) -> None:
    """Make the Stripe customer of a new user."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user and gateway.is_set_up():
        customers.ensure(user)


@retried()
def follow_address(user_id: int) -> None:
    """Tell Stripe the user's address, until what it was told is the present one."""
    for _ in range(_CHANGES_MEANWHILE):
        user = User.objects.filter(pk=user_id).first()
        if user is None or not gateway.is_set_up() or not customers.follow_address(user):
            return


@retried()
def send_message(user_id: int, kind: str, facts: dict[str, Any]) -> None:
    messages.send(user_id, kind, facts)


@retried()
def sell_plans() -> None:
    """Make at Stripe the prices that staff have changed."""
    if gateway.is_set_up():
        plans.sell_at_stripe()


@shared_task
def say_goodbye() -> None:
    """End and erase the data of deleted accounts at Stripe; ``mend`` repeats what fails."""
    if gateway.is_set_up():
        leaving.end_marked()
        leaving.forget_all()


@retried()
def mirror(event_id: str) -> None:
    """Update dj-stripe's copy of the object of an event."""
    event = StripeEvent.objects.filter(pk=event_id).first()
    if event and gateway.is_set_up():
        mirroring.copy(event.payload["data"]["object"])


@shared_task
def end_grace() -> int:
    """Put those on the free plan whose payment is still missing; returns how many."""
    return state.end_grace()


@shared_task
def mend() -> None:
    """Finish what failed or was interrupted: subscriptions, purchases, events, deletions."""
    allocation.close_paid_years()
    if gateway.is_set_up():
        locks.settle_overdue()
        buying.settle_overdue()
        scheduled_changes.restore_overdue()
        webhooks.retry_failed()
        leaving.end_marked()
        leaving.forget_all()


@shared_task
def top_up_automatically() -> int:
    """Buy for those whose tokens fell below their threshold; returns how many were charged."""
    return automatic.buy_due() if gateway.is_set_up() else 0


@shared_task(time_limit=3600)
def sync_stripe() -> int:
    """Correct differences from Stripe, every night; returns the number of changes."""
    if not gateway.is_set_up():
        return 0
    leaving.make_missing_customers()
    return len(sync.sync(dry_run=False))
