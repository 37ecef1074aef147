"""Synchronizing our rows with Stripe: read the current state, and write it with its effects.

Events only say that something changed. For any event, in any order, the subscription and its
invoices are read again, so late, repeated and reordered events, user requests and the nightly sync
all end in the same state. A reading is written only if nothing was written since it began;
otherwise it is repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing import messages
from billing.entitlements import allocation
from billing.errors import SubscriptionBusy, UnknownPrice
from billing.metrics import PAYMENTS
from billing.models import Customer, Invoice, ScheduledChange, Subscription
from billing.pricing import prices
from billing.stripe import customers, gateway
from billing.stripe import readings as read
from billing.stripe.readings import Obj

log = structlog.get_logger("tokengate.billing")

S = Subscription.Status
OVER = (S.CANCELED, S.INCOMPLETE_EXPIRED)
GOOD = (S.ACTIVE, S.TRIALING)
MARK = "tokengate_subscription"

_ATTEMPTS = 8
_INVOICES = 6  # the latest: what any event can be about, and those that its forerunners were about


@dataclass(frozen=True)
class Reading:
    """A subscription as it is at Stripe, with its invoices, the oldest first.

    ``new_prices`` are those that it pays, paid or will pay, and that are not noted yet.
    ``user_id`` is None where it is none of ours: then nothing is to be written.
    """

    subscription: Obj
    invoices: Sequence[Obj]
    version: int | None
    user_id: int | None
    new_prices: Sequence[Obj] = ()

    @property
    def id(self) -> str:
        return str(self.subscription["id"])

    @property
    def customer(self) -> str:
        return str(read.identifier(self.subscription["customer"]))


class Superseded(Exception):
    """Somebody else has written since this was read."""


def refresh(stripe_id: str) -> Subscription | None:
    """Update our row from Stripe; None for a subscription that is not ours.

    Raises ``BillingUnavailable``, or ``SubscriptionBusy`` after many attempts.
    """
    for _ in range(_ATTEMPTS):
        reading = take_reading(stripe_id)
        try:
            return write(reading)
        except Superseded:
            continue
    raise SubscriptionBusy


def take_up_another(ended: Subscription | None) -> None:
    """Where a user has a second subscription at Stripe, have it take the place of an ended one."""
    if ended is None or ended.ended_at is None:
        return
    customer = Customer.objects.filter(user_id=ended.user_id, erased_at=None).first()
    live = Subscription.objects.filter(user_id=ended.user_id, ended_at=None)
    if customer is None or live.exists():
        return
    for found in gateway.subscriptions_of(customer.stripe_id):
        if found["status"] not in OVER:
            refresh(str(found["id"]))


def take_reading(stripe_id: str, *, invoices: int = _INVOICES) -> Reading:
    """Read all that ``write`` needs. Asks the network, so no transaction may be open.

    Nothing is written: a dry run ends here, or rolls back what follows.
    """
    version = _version(stripe_id)
    subscription = gateway.subscription(stripe_id)
    user_id = _owner_of(subscription)
    if user_id is None or (version is None and _is_foreign(subscription)):
        return Reading(subscription, (), version, None)
    bills = gateway.invoices_of(stripe_id, at_most=invoices)
    new = prices.read_new({read.price_of(subscription), *_prices(subscription, bills)})
    return Reading(subscription, bills, version, user_id, new)


def _owner_of(subscription: Obj) -> int | None:
    """Return whose it is: our row knows, also when the customer is deleted at Stripe."""
    rows = Subscription.objects.filter(stripe_id=subscription["id"])
    known: int | None = rows.values_list("user_id", flat=True).first()
    if known is not None:
        return known
    owner = customers.user_of(str(read.identifier(subscription["customer"])))
    return owner.pk if owner else None


def _is_foreign(subscription: Obj) -> bool:
    """Tell whether it sells something else: the account at Stripe may have other uses."""
    if MARK in (subscription.get("metadata") or {}):
        return False
    try:
        prices.read_new({read.price_of(subscription)})
    except UnknownPrice:
        log.warning("foreign_subscription", subscription=subscription["id"])
        return True
    return False


def write(reading: Reading) -> Subscription | None:
    """Write a reading with its effects on tokens, grace and messages, in one transaction."""
    user_id = reading.user_id
    if user_id is None:
        return None
    _note_terms(reading, user_id)
    try:
        with transaction.atomic():
            row = _row_for(reading, user_id)
            _require_version(row, reading)
            changed = _copy(row, reading.subscription)
            booked = [_book(row, invoice) for invoice in reading.invoices]
            if changed or any(booked) or row.version == 0:
                _judge(row, reading)
                row.version += 1
                row.save()
    except IntegrityError as second:
        if (
            _version(reading.id) != reading.version
        ):  # Its row was created while the pending row was locked.
            raise Superseded from second
        if "subscription_one_live_by_user" not in str(second):
            raise
        log.error("second_subscription", user_id=user_id, subscription=reading.id)  # noqa: TRY400
        return None
    return row


def _version(stripe_id: str) -> int | None:
    found = Subscription.objects.filter(stripe_id=stripe_id).values_list("version", flat=True)
    return found.first()


def _prices(subscription: Obj, invoices: Sequence[Obj]) -> set[str]:
    bought = (read.bought_by(invoice) for invoice in invoices)
    to_come = read.price_to_come(subscription)
    return {one.price for one in bought if one} | ({to_come} if to_come else set())


def _note_terms(reading: Reading, user_id: int) -> None:
    """Note the customer of a subscription that is new to us, and prices that are.

    They hold whatever becomes of the rest.
    """
    if reading.version is None and not customers.note(user_id, reading.customer):
        raise Superseded
    prices.note(reading.new_prices)


def _row_for(reading: Reading, user_id: int) -> Subscription:
    """Return the locked row: by Stripe's id, the pending row that it was made for, or a new one."""
    rows = Subscription.objects.select_for_update()
    found = rows.filter(stripe_id=reading.id).first() or _claim_for(reading, user_id)
    return found or _adopted(reading, user_id)


def _claim_for(reading: Reading, user_id: int) -> Subscription | None:
    mark = (reading.subscription.get("metadata") or {}).get(MARK, "")
    if len(mark) != 36:
        return None
    pending = Subscription.objects.select_for_update()
    return pending.filter(pk=mark, user_id=user_id, stripe_id=None).first()


def _adopted(reading: Reading, user_id: int) -> Subscription:
    """Make a row for a subscription that was begun elsewhere, at Stripe's dashboard say."""
    price = prices.known(read.price_of(reading.subscription))
    return Subscription(user_id=user_id, plan=price.plan, interval=price.interval)


def _require_version(row: Subscription, reading: Reading) -> None:
    if row.stripe_id is not None and row.version != reading.version:
        raise Superseded


def _copy(row: Subscription, found: Obj) -> bool:
    """Copy what Stripe says; tell whether any of it is new."""
    status = read.status_of(found)
    start, end = read.period_of(found)
    to_come = read.price_to_come(found) or _scheduled(row, found)
    next_price = prices.known(to_come) if to_come else None
    values: dict[str, Any] = {
        "stripe_id": found["id"],
        "price_id": read.price_of(found),
        "status": status,
        "period_start": start,
        "period_end": end,
        "trial_end": read.moment(found["trial_end"]),
        "cancel_at_period_end": read.ends_with_period(found) and status not in OVER,
        "next_plan_id": next_price.plan_id if next_price and status not in OVER else None,
        "next_interval": next_price.interval if next_price and status not in OVER else "",
        "ended_at": (read.moment(found["ended_at"]) or timezone.now()) if status in OVER else None,
        "claimed_until": None,
        "checkout_url": "",
    }
    if row.ended_at and values["ended_at"]:
        values["ended_at"] = row.ended_at
    changed = [name for name, value in values.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, values[name])
    if row._state.adding or "stripe_id" in changed:  # noqa: SLF001 - invoices need the row
        row.save()
    return bool(changed)


def _scheduled(row: Subscription, found: Obj) -> str | None:
    """Return the price to come that is off Stripe's calendar only while an upgrade is tried.

    Once another price is paid, or the end is near, nothing of it is left.
    """
    scheduled = ScheduledChange.objects.filter(subscription=row.pk)
    if read.ends_with_period(found):
        return None
    kept = scheduled.filter(present=read.price_of(found))
    price: str | None = kept.values_list("price", flat=True).first()
    return price


# Invoices


def _book(row: Subscription, found: Obj) -> bool:
    """Note an invoice; when it is paid, grant its tokens. Tell whether anything is new."""
    if found["status"] == "draft":
        return False
    known = Invoice.objects.filter(pk=found["id"]).first()
    values = _invoice_values(row, found)
    if known and known.status == "paid" and values["status"] != "paid":
        return False
    invoice, _ = Invoice.objects.update_or_create(
        pk=found["id"], defaults=values, create_defaults={"plan": row.plan, **values}
    )
    if invoice.status == "paid" and invoice.tokens is None:
        invoice.tokens = _grant(row, found)
        invoice.save(update_fields=["tokens"])
        PAYMENTS.labels("succeeded").inc()
        log.info("payment_succeeded", user_id=row.user_id, invoice=invoice.pk, cents=invoice.paid)
    return known is None or known.status != invoice.status


def _invoice_values(row: Subscription, found: Obj) -> Obj:
    bought = read.bought_by(found)
    plan = {"plan": prices.known(bought.price).plan} if bought else {}
    return {
        **plan,
        "subscription": row,
        "number": found.get("number") or "",
        "status": found["status"],
        "currency": found["currency"],
        "total": found["total"],
        "paid": found["amount_paid"],
        "hosted_url": found.get("hosted_invoice_url") or "",
        "pdf_url": found.get("invoice_pdf") or "",
        "payment_intent": read.intent_of(found) or "",
        "period_start": bought.start if bought else read.at(found["period_start"]),
        "period_end": bought.end if bought else read.at(found["period_end"]),
        "created_at": read.at(found["created"]),
    }


def _grant(row: Subscription, found: Obj) -> int:
    """Give the tokens of a paid invoice, unless its period is over; returns how many."""
    bought = read.bought_by(found)
    over = row.ended_at or row.period_start
    if bought is None or (over and bought.end <= over):
        return 0
    price = prices.known(bought.price)
    tokens = allocation.grant(subscription=row, price=price, bought=bought, invoice_id=found["id"])
    row.plan, row.interval, row.entitled = price.plan, price.interval, True
    return tokens


# What a state means


def _judge(row: Subscription, reading: Reading) -> None:
    """Apply the status: a failed payment starts the grace period, an ended plan is withdrawn."""
    source = f"subscription:{row.pk}:{row.version}"
    if row.status in GOOD:
        row.grace_until = None
        if not row.entitled and row.invoices.filter(tokens__isnull=False).exists():
            allocation.restore(row, source=source)
            row.entitled = True
    elif row.status == S.PAST_DUE:
        _grant_grace(row, reading)
    elif row.entitled:
        _end_plan(row, source=source)


def _grant_grace(row: Subscription, reading: Reading) -> None:
    if not row.entitled or row.grace_until:
        return
    row.grace_until = timezone.now() + timedelta(days=settings.BILLING_GRACE_DAYS)
    PAYMENTS.labels("failed").inc()
    log.warning("payment_failed", user_id=row.user_id, subscription=row.stripe_id)
    pay_at = next(
        (
            one.get("hosted_invoice_url")
            for one in reading.invoices[::-1]
            if one["status"] == "open"
        ),
        None,
    )
    messages.tell(row.user_id, "payment_failed", row=row, pay_at=pay_at or "")


def _end_plan(row: Subscription, *, source: str) -> None:
    allocation.withdraw(row, source=source)
    row.entitled, row.grace_until = False, None
    messages.tell(row.user_id, "plan_ended", row=row)


def end_grace() -> int:
    """Move users to the free plan after their grace period; returns how many.

    Stripe goes on trying to collect: a payment brings the plan back.
    """
    late = Subscription.objects.filter(grace_until__lte=timezone.now(), entitled=True)
    return sum(_end_one_grace(pk) for pk in late.values_list("pk", flat=True))


@transaction.atomic
def _end_one_grace(pk: Any) -> bool:
    rows = Subscription.objects.select_for_update(of=("self",))
    row = rows.filter(pk=pk, grace_until__lte=timezone.now(), entitled=True).first()
    if row is None:
        return False
    _end_plan(row, source=f"grace:{row.pk}:{row.version}")
    row.version += 1
    row.save()
    return True
