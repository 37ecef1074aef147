"""The only module that calls Stripe: one function for each call, with plain dicts.

Each call that writes has an idempotency key made from our ids, so a repetition by us or by the
library has no further effect. Raises ``CardDeclined``, ``InvalidRequest``, ``SubscriptionBusy`` or
``BillingUnavailable``, and no errors of the stripe package. Do not call it inside a transaction.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

import stripe
import structlog
from django.conf import settings
from django.db.models import Q

from billing.errors import BillingUnavailable, CardDeclined, GoneAtStripe, SubscriptionBusy
from billing.metrics import PAYMENTS
from billing.models import Plan
from billing.stripe import readings
from core.database import give_back
from core.errors import ApiError, InvalidRequest

log = structlog.get_logger("tokengate.billing")

Obj = dict[str, Any]
P = ParamSpec("P")
T = TypeVar("T")

_TIMEOUT = (5, 30)  # seconds to connect, and to answer
_RETRIES = 2
_STATES = ["latest_invoice.confirmation_secret", "latest_invoice.payments", "schedule"]


def is_set_up() -> bool:
    return bool(settings.STRIPE_SECRET_KEY)


def _asks_stripe(function: Callable[P, T]) -> Callable[P, T]:
    """Turn Stripe's errors into ours: the one border.

    No connection to the database is kept for as long as Stripe takes. A call whose answer breaks
    off is made once more, which the library leaves to us.
    """

    @wraps(function)
    def asking(*args: P.args, **kwargs: P.kwargs) -> T:
        give_back()
        try:
            try:
                return function(*args, **kwargs)
            except stripe.APIConnectionError as lost:
                if lost.should_retry:
                    raise
                return function(*args, **kwargs)
        except stripe.StripeError as failed:
            raise _ours(failed, call=function.__name__) from failed

    return asking


def _ours(failed: stripe.StripeError, *, call: str) -> ApiError:
    match failed:
        case stripe.CardError():
            code = getattr(failed.error, "decline_code", None) or failed.code
            PAYMENTS.labels("declined").inc()
            return CardDeclined(failed.user_message, decline_code=code)
        case stripe.IdempotencyError():
            return SubscriptionBusy()
        case stripe.InvalidRequestError():
            log.warning("stripe_refused", call=call, error=str(failed))
            kind = GoneAtStripe if failed.code == "resource_missing" else InvalidRequest
            return kind(failed.user_message, param=failed.param)
        case _:
            log.error("stripe_failed", call=call, error=str(failed))
            return BillingUnavailable()


@cache
def _client_for(key: str, base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        http_client=stripe.RequestsClient(timeout=_TIMEOUT),
        max_network_retries=_RETRIES,
    )


def _v1() -> Any:
    if not is_set_up():
        raise BillingUnavailable
    return _client_for(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE).v1


def _once(key: str) -> Any:
    return {"idempotency_key": key}


def _anew() -> Any:
    """A key for what comes to the same when it is done twice: for the library's own repetitions.

    A key of our ids would have Stripe repeat a failure for a day.
    """
    return _once(str(uuid4()))


# Products and prices


@_asks_stripe
def create_product(*, plan: str, title: str, key: str) -> Obj:
    product = {"name": title, "metadata": {"plan": plan}}
    return _plain(_v1().products.create(product, _once(key)))


@_asks_stripe
def products() -> list[Obj]:
    return _all(_v1().products.list({"active": True, "limit": 100}))


@_asks_stripe
def prices_by_lookup_key(lookup_keys: list[str]) -> dict[str, Obj]:
    """Return the active prices that carry these names."""
    found = _all(_v1().prices.list({"lookup_keys": lookup_keys, "active": True, "limit": 100}))
    return {price["lookup_key"]: price for price in found}


@_asks_stripe
def create_price(
    *, product: str, plan: str, interval: str, amount: int, currency: str, lookup_key: str, key: str
) -> Obj:
    """Create a price, and give it the name, which an older one may have borne."""
    price = {
        "product": product,
        "unit_amount": amount,
        "currency": currency,
        "recurring": {"interval": interval},
        "lookup_key": lookup_key,
        "transfer_lookup_key": True,
        "metadata": {"plan": plan},
    }
    return _plain(_v1().prices.create(price, _once(key)))


@_asks_stripe
def price(price_id: str) -> Obj:
    return _plain(_v1().prices.retrieve(price_id))


@_asks_stripe
def promotion(code: str) -> str | None:
    """Return the id of the promotion code that customers know by this text."""
    found = _all(_v1().promotion_codes.list({"code": code, "active": True, "limit": 1}))
    return found[0]["id"] if found else None


# Customers


@_asks_stripe
def customers_by_email(email: str) -> list[Obj]:
    return _all(_v1().customers.list({"email": email, "limit": 100}))


@_asks_stripe
def create_customer(*, email: str, name: str, metadata: dict[str, str], key: str) -> Obj:
    customer = {"email": email, "metadata": metadata} | ({"name": name} if name else {})
    return _plain(_v1().customers.create(customer, _once(key)))


@_asks_stripe
def customer(customer_id: str) -> Obj:
    return _plain(_v1().customers.retrieve(customer_id))


@_asks_stripe
def all_customers() -> list[Obj]:
    """Return every customer of the account who is not deleted, the newest first."""
    return _all(_v1().customers.list({"limit": 100}))


@_asks_stripe
def change_address(customer_id: str, *, email: str) -> None:
    """Have Stripe write to this address from now on."""
    _v1().customers.update(customer_id, {"email": email}, _anew())


@_asks_stripe
def has_customer(customer_id: str) -> bool:
    """Tell whether there is such a customer, who is not deleted."""
    try:
        return not getattr(_v1().customers.retrieve(customer_id), "deleted", False)
    except stripe.InvalidRequestError as missing:
        if missing.code == "resource_missing":
            return False
        raise


@_asks_stripe
def delete_customer(customer_id: str, *, key: str) -> None:
    """Erase name, address and cards of somebody who has left; Stripe keeps their invoices."""
    _v1().customers.delete(customer_id, {}, _once(key))


@_asks_stripe
def attach_card(*, payment_method: str, customer_id: str, key: str) -> None:
    """Make the card the customer's own, and the one that invoices charge."""
    attached = _v1().payment_methods.attach(
        payment_method, {"customer": customer_id}, _once(f"{key}:attach")
    )
    default = {"invoice_settings": {"default_payment_method": attached.id}}
    _v1().customers.update(customer_id, default, _once(f"{key}:default"))


# Subscriptions


@_asks_stripe
def create_subscription(fields: Obj, *, key: str) -> Obj:
    return _ours_first(_v1().subscriptions.create({**fields, "expand": _STATES}, _once(key)))


@_asks_stripe
def subscription(subscription_id: str) -> Obj:
    """Return a subscription, the item of one of our plans first: others may be sold with it."""
    return _ours_first(_v1().subscriptions.retrieve(subscription_id, {"expand": _STATES}))


@_asks_stripe
def invoices_of(subscription_id: str, *, at_most: int) -> list[Obj]:
    """Return the latest invoices, the oldest first; 100 at most."""
    asked = {"subscription": subscription_id, "limit": at_most, "expand": ["data.payments"]}
    return [_plain(found) for found in reversed(_v1().invoices.list(asked).data)]


@_asks_stripe
def subscriptions_of(customer_id: str) -> list[Obj]:
    """Return all of the customer's subscriptions, also those that are over."""
    asked = {"customer": customer_id, "status": "all", "limit": 100}
    return _all(_v1().subscriptions.list(asked))


@_asks_stripe
def all_subscriptions() -> list[Obj]:
    """Return every subscription of the account, the newest first."""
    return _all(_v1().subscriptions.list({"status": "all", "limit": 100}))


@_asks_stripe
def update_subscription(subscription_id: str, fields: Obj, *, key: str) -> Obj:
    asked = {**fields, "expand": _STATES}
    return _ours_first(_v1().subscriptions.update(subscription_id, asked, _once(key)))


@_asks_stripe
def cancel_subscription(subscription_id: str, *, key: str) -> Obj:
    return _plain(_v1().subscriptions.cancel(subscription_id, {}, _once(key)))


@_asks_stripe
def schedule_change(subscription: Obj, *, price_id: str, key: str) -> None:
    """Have Stripe change the price when the running period ends.

    Raises ``SubscriptionBusy`` when the subscription has another price than it was read with: its
    first phase would undo that. Once there is a schedule, nothing else can change it.
    """
    schedules = _v1().subscription_schedules
    made = _plain(
        schedules.create({"from_subscription": subscription["id"]}, _once(f"{key}:begin"))
    )
    running, (item, *others) = made["phases"][0], subscription["items"]["data"]
    if item["price"]["id"] not in {readings.identifier(one["price"]) for one in running["items"]}:
        schedules.release(made["id"], {}, _anew())
        raise SubscriptionBusy
    phases = _phases(running, item, others, price_id=price_id)
    changes = {"end_behavior": "release", "phases": phases, "proration_behavior": "none"}
    schedules.update(made["id"], changes, _once(f"{key}:phases"))


def _phases(running: Obj, item: Obj, others: list[Obj], *, price_id: str) -> list[Obj]:
    """Lay out this period and the next: trial and discounts are over where a phase has none."""
    beside = [{"price": one["price"]["id"], "quantity": one.get("quantity", 1)} for one in others]
    named = ("discount", "coupon", "promotion_code")
    discounts = [
        {name: readings.identifier(one[name]) for name in named if one.get(name)}
        for one in running.get("discounts") or []
    ]
    kept: Obj = {"proration_behavior": "none"} | ({"discounts": discounts} if discounts else {})
    now = {
        **kept,
        "items": [{"price": item["price"]["id"], "quantity": 1}, *beside],
        "start_date": item["current_period_start"],
        "end_date": item["current_period_end"],
    }
    if running.get("trial_end"):
        now["trial_end"] = running["trial_end"]
    return [now, {**kept, "items": [{"price": price_id, "quantity": 1}, *beside]}]


@_asks_stripe
def release_schedule(schedule_id: str) -> None:
    """Forget a change that was to come; the subscription stays as it is."""
    _v1().subscription_schedules.release(schedule_id, {}, _anew())


# Pages, payments and refunds


@_asks_stripe
def create_checkout(fields: Obj, *, key: str) -> Obj:
    return _plain(_v1().checkout.sessions.create(fields, _once(key)))


@_asks_stripe
def checkout(session_id: str) -> Obj:
    return _plain(_v1().checkout.sessions.retrieve(session_id))


@_asks_stripe
def expire_checkout(session_id: str) -> Obj:
    return _plain(_v1().checkout.sessions.expire(session_id, {}, _anew()))


@_asks_stripe
def create_portal(*, customer_id: str, return_url: str) -> str:
    """Return the address of a page of Stripe's, good for minutes: a new one each time."""
    asked = {"customer": customer_id, "return_url": return_url}
    return str(_v1().billing_portal.sessions.create(asked, _anew()).url)


@_asks_stripe
def payment_intent(intent_id: str) -> Obj:
    return _plain(_v1().payment_intents.retrieve(intent_id))


@_asks_stripe
def void_invoice(invoice_id: str) -> None:
    _v1().invoices.void_invoice(invoice_id, {}, _anew())


@_asks_stripe
def charge(charge_id: str) -> Obj:
    return _plain(_v1().charges.retrieve(charge_id))


@_asks_stripe
def saved_card(customer_id: str, *, subscription_id: str | None = None) -> Obj | None:
    """Return the card that the customer's invoices charge, else the newest one; None without any.

    That of the subscription counts before that of the customer, as at Stripe.
    """
    cards = _v1().payment_methods.list({"customer": customer_id, "type": "card", "limit": 100})
    found = {card["id"]: card for card in _all(cards)}
    customer = _plain(_v1().customers.retrieve(customer_id))
    settings_of = customer.get("invoice_settings") or {}
    named = [settings_of.get("default_payment_method")]
    if subscription_id:
        row = _plain(_v1().subscriptions.retrieve(subscription_id))
        named.insert(0, row.get("default_payment_method"))
    chosen = [found[card] for one in named if (card := readings.identifier(one)) in found]
    return next(iter([*chosen, *found.values()]), None)


@_asks_stripe
def charge_saved_card(
    *, customer_id: str, card: str, amount: int, currency: str, metadata: dict[str, str], key: str
) -> Obj:
    """Charge a card while its owner is away, and return the payment, be it declined or not.

    Its ``status`` says what came of it; ``last_payment_error`` why it failed. The same key always
    returns the same payment, for 24 hours.
    """
    asked = {
        "customer": customer_id,
        "payment_method": card,
        "amount": amount,
        "currency": currency,
        "metadata": metadata,
        "payment_method_types": ["card"],
        "off_session": True,
        "confirm": True,
    }
    try:
        return _plain(_v1().payment_intents.create(asked, _once(key)))
    except stripe.CardError as declined:
        made = getattr(declined.error, "payment_intent", None)
        if made is None:
            raise
        PAYMENTS.labels("declined").inc()
        return dict(made) if isinstance(made, dict) else _plain(made)


@_asks_stripe
def payments_of(customer_id: str, *, since: int) -> list[Obj]:
    """Return the payments of a customer that were begun since then (a Unix time)."""
    asked = {"customer": customer_id, "created": {"gte": since}, "limit": 100}
    return _all(_v1().payment_intents.list(asked))


@_asks_stripe
def cancel_payment(intent_id: str) -> None:
    """Cancel a payment that was not made, so that nobody completes it later."""
    _v1().payment_intents.cancel(intent_id, {}, _anew())


@_asks_stripe
def refund(*, intent_id: str, amount: int, metadata: dict[str, str], key: str) -> Obj:
    """Pay back a part of a payment, in cents. Raises ``InvalidRequest`` for more than is left."""
    asked = {"payment_intent": intent_id, "amount": amount, "metadata": metadata}
    return _plain(_v1().refunds.create(asked, _once(key)))


@_asks_stripe
def invoice_of_payment(intent_id: str) -> str | None:
    """Return the id of the invoice that a payment was for."""
    payment = {"type": "payment_intent", "payment_intent": intent_id}
    found = _v1().invoice_payments.list({"payment": payment, "limit": 1}).data
    return str(found[0].invoice) if found else None


@_asks_stripe
def subscription_of_invoice(invoice_id: str) -> str | None:
    return readings.subscription_of(_plain(_v1().invoices.retrieve(invoice_id)))


@_asks_stripe
def dispute(dispute_id: str) -> Obj:
    return _plain(_v1().disputes.retrieve(dispute_id))


@_asks_stripe
def disputes_of(charge_id: str) -> list[Obj]:
    return _all(_v1().disputes.list({"charge": charge_id, "limit": 100}))


@_asks_stripe
def charges_lost_since(seconds: int) -> set[str]:
    """Return the ids of the charges that were refunded or disputed since then (a Unix time)."""
    asked = {"created": {"gte": seconds}, "limit": 100}
    found = [*_all(_v1().refunds.list(asked)), *_all(_v1().disputes.list(asked))]
    return {str(one["charge"]) for one in found if one["charge"]}


def _ours_first(found: Any) -> Obj:
    """Return a subscription with the item of one of our plans first, where it has several."""
    plain = _plain(found)
    items = plain["items"]["data"]
    if len(items) > 1:
        items.sort(key=lambda item: not _is_of_a_plan(item["price"]))
    return plain


def _is_of_a_plan(price: Obj) -> bool:
    """Tell whether we made the price, or it is one of a plan's product."""
    named = (price.get("metadata") or {}).get("plan", "")
    product = readings.identifier(price.get("product")) or "-"
    ours = Q(prices=price["id"]) | Q(pk=named) | Q(stripe_product=product)
    return Plan.objects.filter(ours).exists()


def _all(pages: Any) -> list[Obj]:
    return [_plain(found) for found in pages.auto_paging_iter()]


def _plain(found: Any) -> Obj:
    plain: Obj = found.to_dict()
    return plain
