"""Refunds and disputes of purchases take back what is left of their tokens."""

from django.db import transaction

from billing.models import TopUp
from tokens import ledger
from tokens.ledger import allowances


def of_payment(intent: str | None) -> TopUp | None:
    """Return the purchase that a payment was for."""
    return TopUp.objects.filter(payment_intent=intent).first() if intent else None


@transaction.atomic
def write(row: TopUp, *, lost: int, seen: int) -> tuple[TopUp, int] | None:
    """Write how many cents were lost, and how many before; None if it was written since ``seen``.

    Tokens of the purchase that are spent or reserved are not taken. Those that were taken for a
    dispute that is won come back, and expire when they would have.
    """
    found = TopUp.objects.select_for_update().get(pk=row.pk)
    if found.settlements != seen:
        return None
    before, found.refunded = found.refunded, min(lost, found.paid)
    if found.refunded == before:
        return found, before
    due = found.tokens * found.refunded // found.paid if found.paid else 0
    source = f"refund:{found.pk}:{found.settlements}"
    if due > found.taken_back:
        found.taken_back += allowances.take_back_grant(
            user_id=found.user_id,
            grant=found.source,
            amount=due - found.taken_back,
            source=source,
            note="refund of bought tokens",
        )
    elif due < found.taken_back and found.refunded < before:
        ledger.grant(
            user_id=found.user_id,
            amount=found.taken_back - due,
            source=source,
            expires_at=found.expires_at,
            note="dispute won",
        )
        found.taken_back = due
    found.settlements += 1
    found.save(update_fields=["refunded", "taken_back", "settlements"])
    return found, before
