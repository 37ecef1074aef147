"""Subscribing, and what all subscription requests share.

Each function calls Stripe and then reads the resulting state (``billing.entitlements.state``), so
the response shows what Stripe has, and the webhooks that follow change nothing.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from billing.entitlements import state
from billing.errors import BillingUnavailable, CardDeclined, NotSubscribed, SubscriptionBusy
from billing.metrics import PAYMENTS
from billing.models import Interval, Invoice, Plan, Price, Subscription
from billing.pricing import prices, proration
from billing.stripe import customers, gateway
from billing.stripe import readings as read
from billing.subscriptions import locks
from core.errors import ApiError, InvalidRequest

S = Subscription.Status


@dataclass(frozen=True)
class Outcome:
    """The outcome of a request.

    A ``client_secret`` means that the bank wants the payer to confirm: pass it to Stripe.js.
    """

    subscription: Subscription
    checkout_url: str | None = None
    client_secret: str | None = None


def current(user: User) -> Subscription | None:
    """Return the user's subscription, unless it is only being made or has never begun."""
    row = locks.live(user.pk)
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
    """Start a subscription with a card, or without one on Stripe's Checkout page.

    Of several requests at the same time one wins. A page that is open for the same is the answer
    again, but for a promotion code: that needs a new one. Raises ``UnknownPlan``,
    ``AlreadySubscribed``, ``SubscriptionBusy``, ``CardDeclined`` (nothing was changed),
    ``InvalidRequest`` or ``BillingUnavailable``.
    """
    price = price_for_sale(plan, interval)
    page_for = price if payment_method is None and promotion_code is None else None
    open_page = page_for and locks.open_checkout_for(user_id=user.pk, price=page_for)
    if open_page:
        return Outcome(open_page, checkout_url=open_page.checkout_url)
    locks.clear_the_way(user_id=user.pk, keep=page_for)
    pending = locks.take(user_id=user.pk, price=price)
    try:
        fields = _fields(user, pending, price, promotion_code)
        if payment_method is None:
            return _open_checkout(pending, fields, pages=pages)
        return _pay_with(payment_method, pending, fields)
    except BillingUnavailable:
        raise  # what became of it is unknown: the pending row stays until it is resolved
    except ApiError:
        locks.release(pending)
        raise


def price_for_sale(plan: str, interval: str) -> Price:
    """Return what is paid for a plan. Raises ``UnknownPlan`` or ``BillingUnavailable``."""
    if not gateway.is_set_up():
        raise BillingUnavailable
    return prices.for_sale(plan, interval)


def _fields(
    user: User, pending: Subscription, price: Price, promotion_code: str | None
) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "customer": customers.ensure(user),
        "items": [{"price": price.pk, "quantity": 1}],
        "metadata": {state.MARK: str(pending.pk)},
    }
    if promotion_code:
        promotion = gateway.promotion(promotion_code)
        if promotion is None:
            raise InvalidRequest("There is no such promotion code.", param="promotion_code")
        fields["discounts"] = [{"promotion_code": promotion}]
    if price.plan.trial_days and _is_first(pending):
        fields["trial_period_days"] = price.plan.trial_days
    return fields


def _is_first(pending: Subscription) -> bool:
    others = Subscription.objects.filter(user_id=pending.user_id, stripe_id__isnull=False)
    return not others.exclude(pk=pending.pk).exists()


def _pay_with(payment_method: str, pending: Subscription, fields: dict[str, Any]) -> Outcome:
    key = str(pending.pk)
    customer_id = fields["customer"]
    try:
        gateway.attach_card(payment_method=payment_method, customer_id=customer_id, key=key)
    except InvalidRequest as wrong:
        raise InvalidRequest(wrong.message, param="payment_method") from wrong
    made = gateway.create_subscription({**fields, "payment_behavior": "allow_incomplete"}, key=key)
    return _after_payment(made)


def _after_payment(made: gateway.Obj) -> Outcome:
    """Read what came of it; a first payment that was declined leaves nothing behind."""
    row = read_again(made["id"])
    if row.status != S.INCOMPLETE:
        return Outcome(row)
    invoice = made["latest_invoice"]
    intent = intent_of(invoice)
    if intent["status"] == "requires_action":
        secret = read.client_secret(invoice) or intent["client_secret"]
        return Outcome(row, client_secret=secret)
    gateway.cancel_subscription(made["id"], key=f"{row.pk}:declined")
    read_again(made["id"])
    raise declined(intent)


def _open_checkout(pending: Subscription, fields: dict[str, Any], *, pages: str) -> Outcome:
    trial = {key: fields[key] for key in ("trial_period_days",) if key in fields}
    discounts = {"discounts": fields["discounts"]} if "discounts" in fields else None
    until = timezone.now() + locks.CHECKOUT
    session = gateway.create_checkout(
        {
            "mode": "subscription",
            "customer": fields["customer"],
            "line_items": fields["items"],
            "client_reference_id": str(pending.user_id),
            "metadata": fields["metadata"],
            "subscription_data": {"metadata": fields["metadata"], **trial},
            "success_url": f"{pages}/billing/success/",
            "cancel_url": f"{pages}/billing/cancelled/",
            "expires_at": int(until.timestamp()),
            **(discounts or {"allow_promotion_codes": True}),
        },
        key=str(pending.pk),
    )
    still_pending = Subscription.objects.filter(pk=pending.pk, stripe_id=None, ended_at=None)
    still_pending.update(
        status=S.CHECKOUT,
        checkout_id=session["id"],
        checkout_url=session["url"],
        claimed_until=until + timedelta(minutes=5),
    )
    pending.refresh_from_db()
    return Outcome(pending, checkout_url=session["url"])


def portal(user: User, *, pages: str) -> str:
    """Return the address of Stripe's page for cards, addresses and invoices."""
    if not gateway.is_set_up():
        raise BillingUnavailable
    return gateway.create_portal(customer_id=customers.ensure(user), return_url=f"{pages}/billing/")


def own(user: User) -> Subscription:
    """Return the user's subscription. Raises ``NotSubscribed`` or ``BillingUnavailable``."""
    if not gateway.is_set_up():
        raise BillingUnavailable
    row = current(user)
    if row is None:
        raise NotSubscribed
    return row


def read_again(stripe_id: str) -> Subscription:
    """Read what is so at Stripe now, and write it here."""
    row = state.refresh(stripe_id)
    if row is None:
        raise SubscriptionBusy
    return row


def at_stripe(row: Subscription) -> str:
    """Return Stripe's id of a subscription that is not pending."""
    assert row.stripe_id
    return row.stripe_id


def pay_at(row: Subscription) -> str | None:
    """Return the page of Stripe's to pay the open invoice, if there is one."""
    owed = Invoice.objects.filter(subscription=row, status="open").first()
    return owed.hosted_url if owed else None


def intent_of(invoice: gateway.Obj) -> gateway.Obj:
    """Return the payment that an invoice is waiting for."""
    intent = read.intent_of(invoice)
    return gateway.payment_intent(intent) if intent else {"status": "none"}


def declined(intent: gateway.Obj) -> CardDeclined:
    """Return the error that says why the bank said no."""
    PAYMENTS.labels("declined").inc()
    error = intent.get("last_payment_error") or {}
    code = error.get("decline_code") or error.get("code")
    return CardDeclined(error.get("message"), decline_code=code)


def offer(plan: Plan, interval: str) -> proration.Offer:
    """Describe a plan at an interval, as ``billing.pricing.proration`` wants it."""
    tier = plan.tier
    names = proration.LIMITS
    limits = {name: int(getattr(tier, name)) for name in names}
    yearly = Interval.YEAR if interval == Interval.YEAR else Interval.MONTH
    return proration.Offer(plan.pk, yearly, plan.position, plan.amount(yearly), limits)
