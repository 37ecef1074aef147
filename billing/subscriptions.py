"""What users do with their subscription: subscribe, change the plan, cancel, resume.

Each asks Stripe, and then reads what is so there now (``billing.state``): the answer never runs
ahead of the truth, and webhooks find nothing left to do.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from billing import claims, customers, gateway, prices, proration, state
from billing import readings as read
from billing.errors import (
    BillingUnavailable,
    CardDeclined,
    NotSubscribed,
    SamePlan,
    SubscriptionBusy,
)
from billing.models import Interval, Plan, Price, Subscription
from config.errors import ApiError, InvalidRequest

S = Subscription.Status


@dataclass(frozen=True)
class Outcome:
    """What became of a request.

    A ``client_secret`` means that the bank wants the payer to confirm: pass it to Stripe.js.
    """

    subscription: Subscription
    checkout_url: str | None = None
    client_secret: str | None = None


def current(user: User) -> Subscription | None:
    """Return the user's subscription, unless it is only being made or has never begun."""
    row = claims.live(user.pk)
    return None if row is None or row.status in (S.PENDING, S.CHECKOUT) else row


# Subscribing


def subscribe(
    user: User,
    *,
    plan: str,
    interval: str,
    payment_method: str | None,
    promotion_code: str | None,
    pages: str,
) -> Outcome:
    """Start a subscription: with a card at once, without one by a page of Stripe's.

    Of several requests at the same time one wins. Raises ``UnknownPlan``, ``AlreadySubscribed``,
    ``SubscriptionBusy``, ``CardDeclined`` (nothing was changed), ``InvalidRequest`` or
    ``BillingUnavailable``.
    """
    price = _price(plan, interval)
    if payment_method is None:
        open_page = claims.open_checkout_for(user_id=user.pk, price=price)
        if open_page:
            return Outcome(open_page, checkout_url=open_page.checkout_url)
    claims.clear_the_way(user_id=user.pk)
    claim = claims.take(user_id=user.pk, price=price)
    try:
        fields = _fields(user, claim, price, promotion_code)
        if payment_method is None:
            return _open_checkout(claim, fields, pages=pages)
        return _pay_with(payment_method, claim, fields)
    except BillingUnavailable:
        raise  # what became of it is unknown: the claim stays until that is found out
    except ApiError:
        claims.release(claim)
        raise


def _price(plan: str, interval: str) -> Price:
    if not gateway.is_set_up():
        raise BillingUnavailable
    return prices.for_sale(plan, interval)


def _fields(
    user: User, claim: Subscription, price: Price, promotion_code: str | None
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "customer": customers.ensure(user),
        "items": [{"price": price.pk, "quantity": 1}],
        "metadata": {state.MARK: str(claim.pk)},
    }
    if promotion_code:
        promotion = gateway.promotion(promotion_code)
        if promotion is None:
            raise InvalidRequest("There is no such promotion code.", param="promotion_code")
        fields["discounts"] = [{"promotion_code": promotion}]
    if price.plan.trial_days and _is_first(claim):
        fields["trial_period_days"] = price.plan.trial_days
    return fields


def _is_first(claim: Subscription) -> bool:
    others = Subscription.objects.filter(user_id=claim.user_id, stripe_id__isnull=False)
    return not others.exclude(pk=claim.pk).exists()


def _pay_with(payment_method: str, claim: Subscription, fields: dict[str, Any]) -> Outcome:
    key = str(claim.pk)
    customer_id = fields["customer"]
    try:
        gateway.attach_card(payment_method=payment_method, customer_id=customer_id, key=key)
    except InvalidRequest as wrong:
        raise InvalidRequest(wrong.message, param="payment_method") from wrong
    made = gateway.create_subscription({**fields, "payment_behavior": "allow_incomplete"}, key=key)
    return _after_payment(made)


def _after_payment(made: gateway.Obj) -> Outcome:
    """Read what came of it; a first payment that was declined leaves nothing behind."""
    row = _read(made["id"])
    if row.status != S.INCOMPLETE:
        return Outcome(row)
    invoice = made["latest_invoice"]
    intent = _intent(invoice)
    if intent["status"] == "requires_action":
        secret = read.client_secret(invoice) or intent["client_secret"]
        return Outcome(row, client_secret=secret)
    gateway.cancel_subscription(made["id"], key=f"{row.pk}:declined")
    _read(made["id"])
    raise _declined(intent)


def _open_checkout(claim: Subscription, fields: dict[str, Any], *, pages: str) -> Outcome:
    trial = {key: fields[key] for key in ("trial_period_days",) if key in fields}
    discounts = {"discounts": fields["discounts"]} if "discounts" in fields else None
    until = timezone.now() + claims.CHECKOUT
    session = gateway.create_checkout(
        {
            "mode": "subscription",
            "customer": fields["customer"],
            "line_items": fields["items"],
            "client_reference_id": str(claim.user_id),
            "metadata": fields["metadata"],
            "subscription_data": {"metadata": fields["metadata"], **trial},
            "success_url": f"{pages}/billing/success/",
            "cancel_url": f"{pages}/billing/cancelled/",
            "expires_at": int(until.timestamp()),
            **(discounts or {"allow_promotion_codes": True}),
        },
        key=str(claim.pk),
    )
    claims_of = Subscription.objects.filter(pk=claim.pk, stripe_id=None, ended_at=None)
    claims_of.update(
        status=S.CHECKOUT,
        checkout_id=session["id"],
        checkout_url=session["url"],
        claimed_until=until + timedelta(minutes=5),
    )
    claim.refresh_from_db()
    return Outcome(claim, checkout_url=session["url"])


# Changing the plan


def change(user: User, *, plan: str, interval: str | None) -> Outcome:
    """Change the plan: up at once, down when the period ends.

    Raises ``NotSubscribed``, ``SamePlan``, ``UnknownPlan``, ``CardDeclined`` (the plan is as it
    was), ``SubscriptionBusy`` or ``BillingUnavailable``.
    """
    row = _own(user)
    price = _price(plan, interval or row.interval)
    if _is_next(row, price):
        raise SamePlan
    if (row.plan_id, row.interval) == (price.plan_id, price.interval):
        return Outcome(_stay(row))
    if row.next_plan_id or row.cancel_at_period_end:
        row = _stay(row)
    if proration.is_upgrade(now=_offer(row.plan, row.interval), wanted=_offer_of(price)):
        return _upgrade(row, price)
    return Outcome(_downgrade(row, price))


def _is_next(row: Subscription, price: Price) -> bool:
    """Tell whether this is what the subscription is going on with as it is."""
    if row.cancel_at_period_end:
        return False
    coming = (row.next_plan_id or row.plan_id, row.next_interval or row.interval)
    return coming == (price.plan_id, price.interval)


def _upgrade(row: Subscription, price: Price) -> Outcome:
    """Charge the difference, or leave all as it was. An upgrade ends a trial."""
    found = _without_schedule(row)
    fields: dict[str, Any] = {
        "items": [{"id": found["items"]["data"][0]["id"], "price": price.pk}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }
    if row.status == S.TRIALING:
        fields["trial_end"] = "now"
    key = f"{row.pk}:{row.version}:{price.pk}"
    changed = gateway.update_subscription(_at_stripe(row), fields, key=key)
    if read.price_of(changed) == price.pk:
        return Outcome(_read(changed["id"]))
    return _after_failed_upgrade(changed)


def _after_failed_upgrade(changed: gateway.Obj) -> Outcome:
    """Ask the payer to confirm, or take a declined change back."""
    invoice = changed["latest_invoice"]
    intent = _intent(invoice)
    if intent["status"] == "requires_action":
        secret = read.client_secret(invoice) or intent["client_secret"]
        return Outcome(_read(changed["id"]), client_secret=secret)
    gateway.void_invoice(invoice["id"], key=f"{invoice['id']}:void")
    _read(changed["id"])  # notes the void invoice: the next attempt gets another key
    raise _declined(intent)


def _downgrade(row: Subscription, price: Price) -> Subscription:
    found = _without_schedule(row)
    key = f"{row.pk}:{row.version}:{price.pk}"
    gateway.schedule_change(found, price_id=price.pk, key=key)
    return _read(_at_stripe(row))


def _stay(row: Subscription) -> Subscription:
    """Forget that the plan was to change or to end."""
    found = _without_schedule(row)
    if read.ends_with_period(found):
        key = f"{row.pk}:{row.version}:resume"
        gateway.update_subscription(_at_stripe(row), {"cancel_at_period_end": False}, key=key)
    return _read(_at_stripe(row))


def _without_schedule(row: Subscription) -> gateway.Obj:
    """Return the subscription, freed of what a schedule has in store for it.

    A schedule outlives the change that it was made for by a period, and allows no other change.
    """
    found = gateway.subscription(_at_stripe(row))
    schedule = found.get("schedule")
    if isinstance(schedule, dict) and schedule["status"] in ("active", "not_started"):
        gateway.release_schedule(schedule["id"], key=f"{schedule['id']}:release")
    return found


# Leaving, and coming back


def cancel(user: User, *, now: bool) -> Subscription:
    """End the subscription with its period, or at once; either may be repeated.

    Raises ``NotSubscribed`` or ``BillingUnavailable``.
    """
    row = _own(user)
    if now or row.status == S.INCOMPLETE:
        return end_now(row)
    if row.cancel_at_period_end:
        return row
    _without_schedule(row)
    key = f"{row.pk}:{row.version}:cancel"
    gateway.update_subscription(_at_stripe(row), {"cancel_at_period_end": True}, key=key)
    return _read(_at_stripe(row))


def end_now(row: Subscription) -> Subscription:
    """End a subscription at once; one that has ended meanwhile is fine."""
    try:
        gateway.cancel_subscription(_at_stripe(row), key=f"{row.pk}:end")
    except InvalidRequest:
        ended = _read(_at_stripe(row))
        if ended.ended_at is None:
            raise
        return ended
    return _read(_at_stripe(row))


def resume(user: User) -> Subscription:
    """Go on after all, with the plan as it is: what was to change or to end does not.

    Raises ``NotSubscribed`` or ``BillingUnavailable``.
    """
    row = _own(user)
    return _stay(row) if row.cancel_at_period_end or row.next_plan_id else row


def portal(user: User, *, pages: str) -> str:
    """Return the address of Stripe's page for cards, addresses and invoices."""
    if not gateway.is_set_up():
        raise BillingUnavailable
    return gateway.create_portal(customer_id=customers.ensure(user), return_url=f"{pages}/billing/")


def offer(plan: Plan, interval: str) -> proration.Offer:
    """Describe a plan at an interval, as ``billing.proration`` wants it."""
    return _offer(plan, interval)


def _own(user: User) -> Subscription:
    if not gateway.is_set_up():
        raise BillingUnavailable
    row = current(user)
    if row is None:
        raise NotSubscribed
    return row


def _read(stripe_id: str) -> Subscription:
    row = state.refresh(stripe_id)
    if row is None:
        raise SubscriptionBusy
    return row


def _at_stripe(row: Subscription) -> str:
    assert row.stripe_id
    return row.stripe_id


def _intent(invoice: gateway.Obj) -> gateway.Obj:
    """Return the payment that an invoice is waiting for."""
    intent = read.intent_of(invoice)
    return gateway.payment_intent(intent) if intent else {"status": "none"}


def _declined(intent: gateway.Obj) -> CardDeclined:
    error = intent.get("last_payment_error") or {}
    code = error.get("decline_code") or error.get("code")
    return CardDeclined(error.get("message"), decline_code=code)


def _offer_of(price: Price) -> proration.Offer:
    return _offer(price.plan, price.interval)


def _offer(plan: Plan, interval: str) -> proration.Offer:
    tier = plan.tier
    names = proration.LIMITS
    limits = {name: int(getattr(tier, name)) for name in names}
    yearly = Interval.YEAR if interval == Interval.YEAR else Interval.MONTH
    return proration.Offer(plan.pk, yearly, plan.position, plan.amount(yearly), limits)
