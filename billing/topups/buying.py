"""Buying a pack on Stripe's Checkout page.

Like a subscription, a purchase begins with a row here, and what Stripe says at the end decides. The
payment is credited once: by the row, which is locked, and by its source in the ledger.
"""

from datetime import timedelta

import structlog
from django.utils import timezone

from accounts.models import User
from billing.errors import BillingUnavailable, GoneAtStripe, UnknownPack
from billing.models import Pack, TopUp
from billing.stripe import customers, gateway
from billing.stripe import readings as read
from billing.topups import automatic, crediting
from core.errors import ApiError, InvalidRequest

log = structlog.get_logger("tokengate.billing")

_CHECKOUT = timedelta(hours=1)
_REUSED = timedelta(minutes=30)  # then half of its time is left for paying
_LATE = timedelta(minutes=10)
_AT_ONCE = 100
_FAILED = ("requires_payment_method", "canceled")


def buy(user: User, *, pack: str, pages: str) -> str:
    """Open a Checkout page for a pack, and return its address.

    A page that is open for the same offer is returned again: repeated clicks open one page. Raises
    ``UnknownPack`` or ``BillingUnavailable``.
    """
    if not gateway.is_set_up():
        raise BillingUnavailable
    chosen = crediting.on_sale().filter(pk=pack).first()
    if chosen is None:
        raise UnknownPack
    if already := _open_page(user, chosen):
        return already
    customer = customers.ensure(user)
    row = TopUp.objects.create(user=user, **crediting.offer(chosen))
    try:
        session = gateway.create_checkout(
            _checkout(row, customer=customer, pages=pages), key=str(row.pk)
        )
    except ApiError:
        TopUp.objects.filter(pk=row.pk).update(status=TopUp.Status.EXPIRED)
        raise
    TopUp.objects.filter(pk=row.pk).update(checkout_id=session["id"], checkout_url=session["url"])
    return str(session["url"])


def settle(checkout_id: str) -> TopUp | None:
    """Credit a purchase if Stripe says that it is paid; None if the page was of something else."""
    row = TopUp.objects.filter(checkout_id=checkout_id).first()
    if row is None:
        return None
    if row.status != TopUp.Status.PAID:
        _take_note(row)
        row.refresh_from_db()
    return row


def settle_overdue() -> int:
    """Look at purchases of which no event has come; returns how many were settled.

    A failure is logged, and repeated next time: it keeps neither the others nor the caller's other
    work from being done. Of many, any are taken: payments that take days must not block the rest.
    """
    before = timezone.now() - _LATE
    rows = TopUp.objects.select_related("user").filter(
        status=TopUp.Status.OPEN, created_at__lt=before
    )
    return sum(_settled(row) for row in rows.order_by("?")[:_AT_ONCE])


def close_pages(user_id: int) -> None:
    """Close the pages of a user who leaves, so that nobody pays for tokens that are lost."""
    rows = TopUp.objects.select_related("user").filter(user_id=user_id, status=TopUp.Status.OPEN)
    for row in rows:
        try:
            if row.checkout_id:
                gateway.expire_checkout(row.checkout_id)
        except InvalidRequest:
            log.info("top_up_page_not_open", id=str(row.pk))  # paid or expired meanwhile
        _settled(row)


def _settled(row: TopUp) -> bool:
    try:
        if row.automatic:
            automatic.settle(row)
        elif row.checkout_id:
            settle(row.checkout_id)
        else:  # the process died before it opened the page, or noted it
            _give_up(row)
    except ApiError as failed:
        log.error("top_up_not_settled", id=str(row.pk), error=failed.code)  # noqa: TRY400
        return False
    return True


def _open_page(user: User, pack: Pack) -> str | None:
    """Return the page that this user has opened for the same offer, while it can be paid."""
    same = TopUp.objects.filter(user=user, status=TopUp.Status.OPEN, **crediting.offer(pack))
    recent = same.filter(created_at__gt=timezone.now() - _REUSED).exclude(checkout_url="")
    row = recent.first()
    session = row and _session(row)
    return row.checkout_url if row and session and session["status"] == "open" else None


def _checkout(row: TopUp, *, customer: str, pages: str) -> gateway.Obj:
    marked = {crediting.MARK: str(row.pk)}
    product = {"name": f"{row.tokens:,} tokens"}
    price = {"currency": row.currency, "unit_amount": row.amount, "product_data": product}
    return {
        "mode": "payment",
        "customer": customer,
        "client_reference_id": str(row.user_id),
        "line_items": [{"price_data": price, "quantity": 1}],
        "metadata": marked,
        "payment_intent_data": {"metadata": marked},
        "success_url": f"{pages}/billing/success/",
        "cancel_url": f"{pages}/billing/cancelled/",
        "expires_at": int((timezone.now() + _CHECKOUT).timestamp()),
    }


def _take_note(row: TopUp) -> None:
    session = _session(row)
    if session is not None and session["payment_status"] == "paid":
        intent = read.identifier(session["payment_intent"])
        crediting.credit(row, paid=session["amount_total"], intent=intent)
    elif session is None or session["status"] == "expired" or _has_failed(session):
        _give_up(row)
    elif session["status"] == "complete":  # a payment that takes days: there is no page any more
        TopUp.objects.filter(pk=row.pk).update(checkout_url="")


def _session(row: TopUp) -> gateway.Obj | None:
    """Return the page as Stripe has it; None if it has none, as after a change of the account."""
    try:
        return gateway.checkout(row.checkout_id)
    except GoneAtStripe:
        return None


def _has_failed(session: gateway.Obj) -> bool:
    """Tell whether a payment that takes days, such as a debit, came to nothing."""
    intent = read.identifier(session["payment_intent"])
    if session["status"] != "complete" or intent is None:
        return False
    return gateway.payment_intent(intent)["status"] in _FAILED


def _give_up(row: TopUp) -> None:
    open_rows = TopUp.objects.filter(pk=row.pk, status=TopUp.Status.OPEN)
    open_rows.update(status=TopUp.Status.EXPIRED)
