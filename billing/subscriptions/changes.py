"""Changing a subscription: another plan, cancellation, resuming.

Each function calls Stripe and then reads the resulting state (``billing.entitlements.state``), so
the response shows what Stripe has, and the webhooks that follow change nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.db.models import F

from accounts.models import User
from billing import messages
from billing.errors import PaymentDue, SamePlan
from billing.models import Price, Subscription
from billing.pricing import proration
from billing.stripe import gateway
from billing.stripe import readings as read
from billing.subscriptions import scheduled_changes
from billing.subscriptions.subscribing import (
    Outcome,
    at_stripe,
    declined,
    intent_of,
    offer,
    own,
    pay_at,
    price_for_sale,
    read_again,
)
from core.errors import ApiError, InvalidRequest
from tokens.tiers import DEFAULT_TIER

log = structlog.get_logger("tokengate.billing")

S = Subscription.Status
_PAID = (S.ACTIVE, S.TRIALING)


def change(user: User, *, plan: str, interval: str | None) -> Outcome:
    """Change the plan: an upgrade at once, a downgrade when the period ends; the free plan cancels.

    Raises ``NotSubscribed``, ``SamePlan``, ``UnknownPlan``, ``PaymentDue``, ``CardDeclined`` (all
    is as it was), ``SubscriptionBusy`` or ``BillingUnavailable``.
    """
    outcome = _change(own(user), plan=plan, interval=interval)
    if outcome.client_secret is None:
        messages.tell(user.pk, "plan_changed", row=outcome.subscription)
    return outcome


def _change(row: Subscription, *, plan: str, interval: str | None) -> Outcome:
    if plan == DEFAULT_TIER:
        return Outcome(_give_up(row))
    price = price_for_sale(plan, interval or row.interval)
    if _is_charged_another(row):
        _require_payment(row)
    if _is_next(row, price):
        raise SamePlan
    if (row.plan_id, row.interval) == (price.plan_id, price.interval):
        return Outcome(_stay(row))
    now, wanted = offer(row.plan, row.interval), offer(price.plan, price.interval)
    if proration.is_upgrade(now=now, wanted=wanted):
        return _upgrade(row, price)
    return Outcome(_downgrade(row, price))


def _is_next(row: Subscription, price: Price) -> bool:
    """Tell whether this is what the subscription is going on with as it is."""
    if row.cancel_at_period_end:
        return False
    coming = (row.next_plan_id or row.plan_id, row.next_interval or row.interval)
    return coming == (price.plan_id, price.interval)


def _is_charged_another(row: Subscription) -> bool:
    """Tell whether it goes on with another plan than was paid for last."""
    charged = row.price
    return charged is not None and charged.plan_id != row.plan_id


def _give_up(row: Subscription) -> Subscription:
    if row.cancel_at_period_end:
        raise SamePlan
    return _cancel(row, now=False)


def _upgrade(row: Subscription, price: Price) -> Outcome:
    """Charge the difference, or change nothing. An upgrade ends a trial.

    What was to come, an end or a smaller plan, is off once the upgrade is paid for, not before: a
    declined card must not bring back a subscription that its owner has cancelled.
    """
    _require_payment(row)
    found = _without_schedule(row)
    with _undone_by_failure(row):
        changed = _ask_for_upgrade(row, found, price)
        if read.price_of(changed) != price.pk:
            answer = _confirmation_of(changed)
            scheduled_changes.let_go(row)
            return answer
    scheduled_changes.clear(row)
    row = read_again(changed["id"])
    return Outcome(_stay(row) if row.cancel_at_period_end else row)


def _require_payment(row: Subscription) -> None:
    """Refuse to credit the rest of a period that nobody has paid for."""
    if row.status not in _PAID:
        raise PaymentDue(pay_at=pay_at(row))


def _ask_for_upgrade(row: Subscription, found: gateway.Obj, price: Price) -> gateway.Obj:
    fields: dict[str, object] = {
        "items": [{"id": found["items"]["data"][0]["id"], "price": price.pk}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }
    if row.status == S.TRIALING:
        fields["trial_end"] = "now"
    return _update(row, fields, key=price.pk)


def _confirmation_of(changed: gateway.Obj) -> Outcome:
    """Ask the payer to confirm. Raises ``CardDeclined``, with the declined change taken back."""
    invoice = changed["latest_invoice"]
    intent = intent_of(invoice)
    if intent["status"] == "requires_action":
        secret = read.client_secret(invoice) or intent["client_secret"]
        return Outcome(read_again(changed["id"]), client_secret=secret)
    gateway.void_invoice(invoice["id"])
    raise declined(intent)


@contextmanager
def _undone_by_failure(row: Subscription) -> Iterator[None]:
    """Have Stripe change to a smaller plan after all, as it was to before a failed change."""
    try:
        yield
    except ApiError:
        scheduled_changes.let_go(row)
        read_again(at_stripe(row))
        scheduled_changes.try_to_put_back(at_stripe(row))
        raise


def _downgrade(row: Subscription, price: Price) -> Subscription:
    _require_payment(row)
    found = _without_schedule(row)
    with _undone_by_failure(row):
        if read.ends_with_period(found):
            _update(row, {"cancel_at_period_end": False}, key=f"resume for {price.pk}")
        return _schedule(row, found, price_id=price.pk)


def _schedule(row: Subscription, found: gateway.Obj, *, price_id: str) -> Subscription:
    key = f"{row.pk}:{row.version}:{price_id}:{read.open_schedule(found) or ''}"
    with _another_key_next_time(row):
        gateway.schedule_change(found, price_id=price_id, key=key)
    scheduled_changes.clear(row)
    return read_again(at_stripe(row))


def _stay(row: Subscription) -> Subscription:
    """Forget that the plan was to change or to end."""
    found = _without_schedule(row)
    if read.ends_with_period(found):
        _update(row, {"cancel_at_period_end": False}, key="resume")
    scheduled_changes.clear(row)
    return read_again(at_stripe(row))


def _without_schedule(row: Subscription) -> gateway.Obj:
    """Release the schedule of the subscription, and return the subscription as it was before.

    A schedule outlives the change that it was made for by a period, and allows no other change.
    The scheduled change is stored until the caller's own change is done.
    """
    found = gateway.subscription(at_stripe(row))
    scheduled_changes.take_down_schedule(row, found)
    return found


def _update(row: Subscription, fields: dict[str, object], *, key: str) -> gateway.Obj:
    with _another_key_next_time(row):
        return gateway.update_subscription(
            at_stripe(row), fields, key=f"{row.pk}:{row.version}:{key}"
        )


@contextmanager
def _another_key_next_time(row: Subscription) -> Iterator[None]:
    """Give the next attempt a key of its own: Stripe repeats a failure to the same one for a day.

    Doing it again is safe: each of these says what shall be so, not by how much it shall change.
    """
    try:
        yield
    except ApiError:
        Subscription.objects.filter(pk=row.pk).update(version=F("version") + 1)
        raise


# Leaving, and coming back


def cancel(user: User, *, now: bool) -> Subscription:
    """End the subscription with its period, or at once; either may be repeated.

    Raises ``NotSubscribed`` or ``BillingUnavailable``.
    """
    row = own(user)
    cancelled = _cancel(row, now=now)
    if cancelled.cancel_at_period_end and not row.cancel_at_period_end:
        messages.tell(user.pk, "plan_changed", row=cancelled)
    return cancelled


def _cancel(row: Subscription, *, now: bool) -> Subscription:
    if now or row.status == S.INCOMPLETE:
        return end_now(row)
    if row.cancel_at_period_end:
        return row
    _without_schedule(row)
    with _undone_by_failure(row):
        _update(row, {"cancel_at_period_end": True}, key="cancel")
    scheduled_changes.clear(row)
    return read_again(at_stripe(row))


def end_now(row: Subscription) -> Subscription:
    """End a subscription at once; one that has ended meanwhile is fine."""
    try:
        gateway.cancel_subscription(at_stripe(row), key=f"{row.pk}:end")
    except InvalidRequest:
        ended = read_again(at_stripe(row))
        if ended.ended_at is None:
            raise
        return ended
    return read_again(at_stripe(row))


def resume(user: User) -> Subscription:
    """Remove a scheduled plan change or cancellation.

    Raises ``NotSubscribed`` or ``BillingUnavailable``.
    """
    row = own(user)
    return _stay(row) if row.cancel_at_period_end or row.next_plan_id else row
