"""Buying a pack with the saved card when few tokens are left.

A purchase begins with a row, which the database allows once at a time for each user, and which
counts against the month's ceiling from then on. The payment carries the row's id, as its metadata
and in its idempotency key. So a process that dies before the answer, an event that comes before it,
and two workers at once all end in one payment, which is credited once.
"""

from datetime import UTC, date, datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Sum
from django.utils import timezone

from accounts.models import User
from billing import messages
from billing.errors import BillingUnavailable, GoneAtStripe, NoCard, UnknownPack
from billing.models import AutomaticTopUp, Customer, Subscription, TopUp
from billing.stripe import customers, gateway
from billing.topups import crediting
from core.errors import ApiError, InvalidRequest
from tokens.models import Balance
from tokens.periods import midnight

log = structlog.get_logger("tokengate.billing")

Stopped = AutomaticTopUp.Stopped
_REPEATED = timedelta(hours=1)
"""For so long, a payment without an answer is asked for again: Stripe keeps keys for 24 hours."""
_GIVEN_UP = timedelta(hours=1, minutes=30)
"""Then it counts against the ceiling no more. Later than the last request can have ended."""
_AT_ONCE = 200
_FINAL = ("requires_payment_method", "requires_action", "requires_confirmation", "canceled")


def current(user: User) -> AutomaticTopUp | None:
    return AutomaticTopUp.objects.select_related("pack").filter(user=user).first()


def card_of(user: User) -> gateway.Obj | None:
    """Return the card that would be charged; None without any. Raises ``BillingUnavailable``."""
    customer = Customer.objects.filter(user=user, erased_at=None).first()
    if customer is None:
        return None
    try:
        return gateway.saved_card(customer.stripe_id, subscription_id=_subscription(user))
    except GoneAtStripe:
        return None


def turn_on(user: User, *, pack: str, threshold: int, monthly_ceiling: int) -> AutomaticTopUp:
    """Store what the user agreed to. The first fall below the threshold causes a purchase.

    Raises ``UnknownPack``, ``NoCard``, ``BillingUnavailable``, and ``InvalidRequest`` for a ceiling
    below the price or a threshold above the tokens of the pack.
    """
    if not gateway.is_set_up():
        raise BillingUnavailable
    chosen = crediting.on_sale().filter(pk=pack).first()
    if chosen is None:
        raise UnknownPack
    if monthly_ceiling < chosen.price:
        raise InvalidRequest("The ceiling is below the price of the pack.", param="monthly_ceiling")
    if not 1 <= threshold <= chosen.tokens:
        raise InvalidRequest("The threshold is above the tokens of the pack.", param="threshold")
    customers.ensure(user)
    if card_of(user) is None:
        raise NoCard
    settings = {
        "pack": chosen,
        "price": chosen.price,
        "tokens": chosen.tokens,
        "currency": chosen.currency,
        "valid_days": chosen.valid_days,
        "threshold": threshold,
        "monthly_ceiling": monthly_ceiling,
        "enabled": True,
        "armed": True,
        "consented_at": timezone.now(),
        "stopped": Stopped.NO,
        "stopped_at": None,
        "ceiling_told": None,
    }
    row, _ = AutomaticTopUp.objects.update_or_create(user=user, defaults=settings)
    log.info("automatic_top_up_on", user_id=user.pk, pack=pack, ceiling=monthly_ceiling)
    return row


def turn_off(user: User) -> None:
    """Buy no more. A payment that Stripe was asked for already is completed."""
    AutomaticTopUp.objects.filter(user=user).update(
        enabled=False, stopped=Stopped.NO, stopped_at=None
    )
    log.info("automatic_top_up_off", user_id=user.pk)


def buy_due() -> int:
    """Buy for everybody whose rest fell below their threshold; returns how many were charged.

    Whoever is at or above it again is armed for the next fall. A failure of one keeps nobody else.
    """
    rows = AutomaticTopUp.objects.filter(enabled=True, user__is_active=True)
    below = F("user__balance__allocated") + F("user__balance__bonus") - F("user__balance__used")
    with_rest = rows.annotate(rest=below)
    with_rest.filter(armed=False, rest__gte=F("threshold")).update(armed=True)
    due = with_rest.filter(armed=True, rest__lt=F("threshold")).exclude(ceiling_told=_this_month())
    return sum(
        _bought(user_id) for user_id in due.order_by("?").values_list("pk", flat=True)[:_AT_ONCE]
    )


def settle(row: TopUp) -> None:
    """Bring a purchase up to date whose answer never came. Raises ``BillingUnavailable``."""
    customer = Customer.objects.filter(user_id=row.user_id).first()
    if customer is None:
        _give_up(row)
        return
    intent = _payment(row, customer.stripe_id)
    if intent is not None:
        _take_note(row, intent)
    elif timezone.now() - row.created_at > _GIVEN_UP or not _is_on(row.user_id):
        _give_up(row)
    elif timezone.now() - row.created_at <= _REPEATED:
        _charge(row)


def settle_payment(intent_id: str) -> TopUp | None:
    """Bring the purchase up to date that a payment was for; None if it was for something else."""
    intent = gateway.payment_intent(intent_id)
    row = crediting.marked(intent)
    if row is None or not row.automatic:
        return None
    if row.status != TopUp.Status.PAID:
        _take_note(row, intent)
        row.refresh_from_db()
    return row


def stop(user_id: int, why: str) -> None:
    """Turn it off and tell the user, once."""
    with transaction.atomic():
        on = AutomaticTopUp.objects.filter(pk=user_id, enabled=True)
        if on.update(enabled=False, stopped=why, stopped_at=timezone.now()):
            messages.tell_of_automatic_top_up(user_id, "stopped", why=why)
            log.warning("automatic_top_up_stopped", user_id=user_id, reason=why)


def stop_below(user_id: int, why: str) -> None:
    """Turn it off if the rest is below the threshold, where tokens were taken back for money.

    Else the card would be charged again for what was just paid back, or disputed.
    """
    found = AutomaticTopUp.objects.filter(pk=user_id, enabled=True).first()
    if found and _rest(user_id) < found.threshold:
        stop(user_id, why)


def _bought(user_id: int) -> bool:
    try:
        row = _begin(user_id)
        return row is not None and _charge(row)
    except (ApiError, IntegrityError) as failed:
        code = failed.code if isinstance(failed, ApiError) else "one_at_once"
        log.error("automatic_top_up_failed", user_id=user_id, error=code)  # noqa: TRY400
        return False


@transaction.atomic
def _begin(user_id: int) -> TopUp | None:
    """Write down the purchase; None where it must not be made. Raises ``IntegrityError``.

    The settings are locked: of two workers, the second finds them unarmed.
    """
    settings = AutomaticTopUp.objects.select_for_update(of=("self",)).select_related("pack")
    found = settings.filter(pk=user_id, enabled=True, armed=True, user__is_active=True).first()
    if found is None or _rest(user_id) >= found.threshold:
        return None
    pack = found.pack
    if not pack.public or crediting.terms(pack) != crediting.terms(found):
        stop(user_id, Stopped.NOT_SOLD)
        return None
    month = _this_month()
    if _spent(user_id, month) + pack.price > found.monthly_ceiling:
        _tell_of_ceiling(found, month)
        return None
    AutomaticTopUp.objects.filter(pk=user_id).update(armed=False)
    return TopUp.objects.create(user_id=user_id, automatic=True, **crediting.offer(pack))


def _charge(row: TopUp) -> bool:
    """Ask Stripe for the payment; tell whether it was made. Raises ``BillingUnavailable``."""
    customer = Customer.objects.filter(user_id=row.user_id, erased_at=None).first()
    card = card_of(row.user) if customer else None
    if customer is None or card is None:
        _fail(row, Stopped.NO_CARD)
        return False
    if not _is_wanted(row):
        return False
    intent = gateway.charge_saved_card(
        customer_id=customer.stripe_id,
        card=card["id"],
        amount=row.amount,
        currency=row.currency,
        metadata={crediting.MARK: str(row.pk)},
        key=f"automatic:{row.pk}",
    )
    return _take_note(row, intent)


def _is_wanted(row: TopUp) -> bool:
    """Tell whether the card may be charged now; asked last, for the user may turn it off."""
    since = timezone.now() - _REPEATED
    is_open = TopUp.objects.filter(pk=row.pk, status=TopUp.Status.OPEN, created_at__gte=since)
    return is_open.exists() and _is_on(row.user_id)


def _is_on(user_id: int) -> bool:
    return AutomaticTopUp.objects.filter(pk=user_id, enabled=True, user__is_active=True).exists()


def _take_note(row: TopUp, intent: gateway.Obj) -> bool:
    """Credit what is paid, and end what failed; a payment under way is left alone."""
    if intent["status"] == "succeeded":
        crediting.credit(row, paid=intent["amount_received"], intent=intent["id"])
        return True
    if intent["status"] in _FINAL:
        _cancel(intent)
        _fail(row, _reason(intent))
    return False


def _reason(intent: gateway.Obj) -> str:
    error = intent.get("last_payment_error") or {}
    code = error.get("decline_code") or error.get("code")
    asks = intent["status"] == "requires_action" or code == "authentication_required"
    return Stopped.AUTHENTICATION if asks else Stopped.DECLINED


def _cancel(intent: gateway.Obj) -> None:
    """Keep a payment that failed from being completed later; it may be canceled already."""
    try:
        if intent["status"] != "canceled":
            gateway.cancel_payment(intent["id"])
    except InvalidRequest:
        log.info("payment_not_canceled", id=intent["id"])


@transaction.atomic
def _fail(row: TopUp, why: str) -> None:
    """End the purchase, and buy no more; of several that find out, one tells the user."""
    open_rows = TopUp.objects.filter(pk=row.pk, status=TopUp.Status.OPEN)
    if open_rows.update(status=TopUp.Status.EXPIRED):
        stop(row.user_id, why)


@transaction.atomic
def _give_up(row: TopUp) -> None:
    """End a purchase for which there is no payment; the next run may try anew."""
    open_rows = TopUp.objects.filter(pk=row.pk, status=TopUp.Status.OPEN)
    if open_rows.update(status=TopUp.Status.EXPIRED):
        AutomaticTopUp.objects.filter(pk=row.user_id).update(armed=True, ceiling_told=None)


def _payment(row: TopUp, customer: str) -> gateway.Obj | None:
    """Find the payment of a purchase at Stripe."""
    since = int((row.created_at - timedelta(minutes=5)).timestamp())
    try:
        found = gateway.payments_of(customer, since=since)
    except GoneAtStripe:
        return None
    mark = str(row.pk)
    return next((one for one in found if one["metadata"].get(crediting.MARK) == mark), None)


def _rest(user_id: int) -> int:
    """Return how many tokens are left, also those that are reserved."""
    balance = Balance.objects.get(pk=user_id)
    return balance.allocated + balance.bonus - balance.used


def _spent(user_id: int, month: date) -> int:
    """Return the cents that purchases of this calendar month cost, or may still cost.

    Refunds do not count against it: the ceiling is of what is charged.
    """
    begun: datetime = midnight(month)
    rows = TopUp.objects.filter(user_id=user_id, automatic=True, created_at__gte=begun)
    counted = rows.exclude(status=TopUp.Status.EXPIRED)
    return counted.aggregate(total=Sum("amount"))["total"] or 0


def spent_this_month(user: User) -> int:
    """Return the cents that automatic purchases of this calendar month cost."""
    return _spent(user.pk, _this_month())


def _this_month() -> date:
    return timezone.now().astimezone(UTC).date().replace(day=1)


def _tell_of_ceiling(found: AutomaticTopUp, month: date) -> None:
    rows = AutomaticTopUp.objects.filter(pk=found.pk).exclude(ceiling_told=month)
    if rows.update(ceiling_told=month):
        messages.tell_of_automatic_top_up(found.pk, "ceiling", ceiling=found)


def _subscription(user: User) -> str | None:
    live = Subscription.objects.filter(user=user, ended_at=None, stripe_id__isnull=False)
    return live.values_list("stripe_id", flat=True).first()
