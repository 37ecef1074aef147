"""Buying a pack on Stripe's Checkout page.

Like a subscription, a purchase begins with a row here, and what Stripe says at the end decides. The
payment is credited once: by the row, which is locked, and by its source in the ledger.
"""

from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from billing import messages
from billing.errors import BillingUnavailable, UnknownPack
from billing.metrics import PAYMENTS
from billing.models import Pack, TopUp
from billing.stripe import customers, gateway
from billing.stripe import readings as read
from core.errors import ApiError
from tokens import ledger

log = structlog.get_logger("tokengate.billing")

MARK = "tokengate_top_up"
_CHECKOUT = timedelta(hours=1)
_LATE = timedelta(minutes=10)


def on_sale() -> QuerySet[Pack]:
    """Return the packs that are sold now, in their order."""
    return Pack.objects.filter(public=True)


def buy(user: User, *, pack: str, pages: str) -> str:
    """Open a Checkout page for a pack, and return its address.

    Raises ``UnknownPack`` or ``BillingUnavailable``.
    """
    if not gateway.is_set_up():
        raise BillingUnavailable
    chosen = on_sale().filter(pk=pack).first()
    if chosen is None:
        raise UnknownPack
    customer = customers.ensure(user)
    row = TopUp.objects.create(
        user=user,
        pack=chosen,
        tokens=chosen.tokens,
        amount=chosen.price,
        currency=chosen.currency,
        valid_days=chosen.valid_days,
    )
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
        _take_note(row, gateway.checkout(checkout_id))
        row.refresh_from_db()
    return row


def settle_overdue() -> int:
    """Look at purchases of which no event has come; returns how many were looked at."""
    before = timezone.now() - _LATE
    rows = list(TopUp.objects.filter(status=TopUp.Status.OPEN, created_at__lt=before)[:100])
    for row in rows:
        if row.checkout_id:
            settle(row.checkout_id)
        else:  # the process died before it opened the page, or noted it
            TopUp.objects.filter(pk=row.pk, checkout_id="").update(status=TopUp.Status.EXPIRED)
    return len(rows)


def _checkout(row: TopUp, *, customer: str, pages: str) -> gateway.Obj:
    marked = {MARK: str(row.pk)}
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


def _take_note(row: TopUp, session: gateway.Obj) -> None:
    if session["payment_status"] == "paid":
        _credit(row, session)
    elif session["status"] == "expired":
        open_rows = TopUp.objects.filter(pk=row.pk, status=TopUp.Status.OPEN)
        open_rows.update(status=TopUp.Status.EXPIRED)


@transaction.atomic
def _credit(row: TopUp, session: gateway.Obj) -> None:
    """Grant the tokens, once however often and at how many places it is asked for."""
    found = TopUp.objects.select_for_update().get(pk=row.pk)
    if found.status == TopUp.Status.PAID:
        return
    now = timezone.now()
    found.status = TopUp.Status.PAID
    found.paid_at = now
    found.paid = session["amount_total"]
    found.payment_intent = read.identifier(session["payment_intent"])
    found.expires_at = now + timedelta(days=found.valid_days) if found.valid_days else None
    found.save()
    ledger.grant(
        user_id=found.user_id,
        amount=found.tokens,
        source=found.source,
        expires_at=found.expires_at,
        note=f"{found.tokens} tokens bought",
    )
    messages.confirm(found)
    PAYMENTS.labels("succeeded").inc()
    log.info("top_up_paid", user_id=found.user_id, tokens=found.tokens, id=str(found.pk))
