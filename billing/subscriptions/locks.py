"""One subscription per user: a pending row is the lock, taken before Stripe is called.

A unique constraint decides which request creates the pending row. No database lock is held during
calls to Stripe. If the process dies, the row expires and is resolved from the state at Stripe.
"""

from datetime import timedelta

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing.entitlements import state
from billing.errors import AlreadySubscribed, SubscriptionBusy
from billing.models import Customer, Price, Subscription
from billing.stripe import gateway
from core.errors import ApiError, InvalidRequest

log = structlog.get_logger("tokengate.billing")

S = Subscription.Status
CLAIM = timedelta(minutes=3)  # longer than all calls of one request with their retries
CHECKOUT = timedelta(hours=1)


def live(user_id: int) -> Subscription | None:
    """Return the user's subscription that has not ended, including a pending one."""
    rows = Subscription.objects.select_related("plan__tier", "next_plan__tier", "price")
    return rows.filter(user_id=user_id, ended_at=None).first()


def take(*, user_id: int, price: Price) -> Subscription:
    """Create the user's pending subscription. Raises ``SubscriptionBusy`` if one exists."""
    try:
        with transaction.atomic():
            return Subscription.objects.create(
                user_id=user_id,
                plan=price.plan,
                interval=price.interval,
                claimed_until=timezone.now() + CLAIM,
            )
    except IntegrityError as lost:
        raise SubscriptionBusy from lost


def clear_the_way(*, user_id: int, keep: Price | None) -> None:
    """Resolve or release a row that would prevent a new subscription.

    A page at Stripe that another request has opened for ``keep`` just now is not closed. Raises
    ``SubscriptionBusy`` while another request is making one, ``AlreadySubscribed`` where there is
    one.
    """
    row = live(user_id)
    if row is None:
        return
    if row.status in (S.PENDING, S.CHECKOUT):
        if _is_in_use(row, keep):
            raise SubscriptionBusy
        row = settle(row, give_up=True)
    elif row.status == S.INCOMPLETE and row.stripe_id:
        row = _drop_incomplete(row)
    if row is not None and row.ended_at is None:
        raise AlreadySubscribed


def open_checkout_for(*, user_id: int, price: Price) -> Subscription | None:
    """Return the pending row whose Checkout page is open for this price."""
    row = live(user_id)
    return row if row and row.checkout_url and _is_in_use(row, price) else None


def _is_in_use(row: Subscription, price: Price | None) -> bool:
    """Return whether a request is creating it, or its Checkout page is open for this price."""
    wanted = price and (price.plan_id, price.interval) == (row.plan_id, row.interval)
    return not _is_overdue(row) and (row.status == S.PENDING or bool(wanted))


def release(row: Subscription) -> None:
    """Abandon a pending row."""
    pending = Subscription.objects.filter(pk=row.pk, stripe_id=None, ended_at=None)
    pending.update(status=S.ABANDONED, ended_at=timezone.now(), claimed_until=None, checkout_url="")


def settle(row: Subscription, *, give_up: bool) -> Subscription | None:
    """Resolve a pending row from Stripe; return its subscription, if there is one.

    With ``give_up`` a page at Stripe that is still open is closed; without, it stays.
    """
    made = _made_of(row, give_up=give_up)
    if made is not None:
        return state.refresh(made)
    if row.status == S.CHECKOUT and not give_up and not _is_overdue(row):
        return row
    release(row)
    return None


def settle_overdue() -> int:
    """Resolve every expired pending row; returns how many. A failure is retried next time."""
    late = Subscription.objects.filter(claimed_until__lte=timezone.now(), ended_at=None)
    return sum(_settled(row) for row in late)


def _settled(row: Subscription) -> bool:
    try:
        settle(row, give_up=True)
    except ApiError as failed:
        log.error("pending_subscription_not_settled", subscription=row.pk, error=failed.code)  # noqa: TRY400
        return False
    return True


def _made_of(row: Subscription, *, give_up: bool) -> str | None:
    """Return the id of the subscription at Stripe that was created for a pending row."""
    if row.checkout_id:
        session = gateway.checkout(row.checkout_id)
        if session["status"] == "open" and give_up:
            session = _expired(row.checkout_id)
        if session["status"] == "complete":
            return str(session["subscription"])
    customer = Customer.objects.filter(user_id=row.user_id).first()
    if customer is None:
        return None
    for found in gateway.subscriptions_of(customer.stripe_id):
        if found["metadata"].get(state.MARK) == str(row.pk):
            return str(found["id"])
    return None


def _expired(checkout_id: str) -> gateway.Obj:
    """Close a page, unless another request was faster, or the payer."""
    try:
        return gateway.expire_checkout(checkout_id)
    except InvalidRequest:
        return gateway.checkout(checkout_id)


def _drop_incomplete(row: Subscription) -> Subscription | None:
    assert row.stripe_id
    gateway.cancel_subscription(row.stripe_id, key=f"{row.pk}:drop")
    return state.refresh(row.stripe_id)


def _is_overdue(row: Subscription) -> bool:
    return row.claimed_until is not None and row.claimed_until <= timezone.now()
