"""What purchases on Stripe's page and automatic ones share: the offer, the mark, the credit."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from billing import messages
from billing.metrics import PAYMENTS
from billing.models import AutomaticTopUp, Pack, TopUp
from tokens import ledger
from tokens.models import Balance

log = structlog.get_logger("tokengate.billing")

MARK = "tokengate_top_up"
"""The key of a purchase's id in the metadata of its payment, which Stripe copies to the charge."""


def on_sale() -> QuerySet[Pack]:
    """Return the packs that are sold now, in their order."""
    return Pack.objects.filter(public=True)


def offer(pack: Pack) -> dict[str, Any]:
    """Return the columns of a purchase that say what is offered."""
    return {
        "pack": pack,
        "tokens": pack.tokens,
        "amount": pack.price,
        "currency": pack.currency,
        "valid_days": pack.valid_days,
    }


def terms(found: Pack | AutomaticTopUp) -> tuple[int, str, int, int]:
    """Return what a user agrees to: price, currency, tokens, and days until they expire."""
    return found.price, found.currency, found.tokens, found.valid_days


def marked(found: dict[str, Any]) -> TopUp | None:
    """Return the purchase that a payment or a charge names."""
    mark = (found.get("metadata") or {}).get(MARK, "")
    try:
        return TopUp.objects.select_related("user").filter(pk=UUID(mark)).first()
    except ValueError:
        return None


@transaction.atomic
def credit(row: TopUp, *, paid: int, intent: str | None) -> None:
    """Grant the tokens, once however often and at how many places it is asked for."""
    found = TopUp.objects.select_for_update().get(pk=row.pk)
    if found.status == TopUp.Status.PAID:
        return
    now = timezone.now()
    found.status = TopUp.Status.PAID
    found.paid_at = now
    found.paid = paid
    found.payment_intent = intent
    found.expires_at = now + timedelta(days=found.valid_days) if found.valid_days else None
    found.save()
    ledger.grant(
        user_id=found.user_id,
        amount=found.tokens,
        source=found.source,
        expires_at=found.expires_at,
        note=f"{found.tokens} tokens bought",
    )
    _arm(found.user_id)
    messages.confirm(found)
    PAYMENTS.labels("succeeded").inc()
    log.info(
        "top_up_paid",
        user_id=found.user_id,
        tokens=found.tokens,
        id=str(found.pk),
        automatic=found.automatic,
    )


def _arm(user_id: int) -> None:
    """Arm the automatic purchase for the next fall, if the rest is at its threshold again.

    Here, where the rest rises: the tokens may be used up again before the next run looks.
    """
    balance = Balance.objects.get(pk=user_id)
    rest = balance.allocated + balance.bonus - balance.used
    AutomaticTopUp.objects.filter(pk=user_id, threshold__lte=rest).update(armed=True)
