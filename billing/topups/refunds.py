"""Refunds and disputes of purchases take back what is left of their tokens."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from billing.models import TopUp
from billing.stripe import gateway
from billing.topups import automatic, buying, crediting
from tokens import ledger
from tokens.ledger import allowances
from tokens.models import Grant


def of_charge(charge: gateway.Obj) -> TopUp | None:
    """Return the paid purchase that a charge was for.

    Events come in any order: one that is not credited yet is credited first.
    """
    intent = charge.get("payment_intent")
    known = TopUp.objects.filter(payment_intent=intent).first() if intent else None
    if known:
        return known
    row = crediting.marked(charge)
    if row and row.automatic and intent:
        return automatic.settle_payment(intent)
    settled = buying.settle(row.checkout_id) if row and row.checkout_id else None
    return settled if settled and settled.payment_intent == intent else None


def left_of(rows: Sequence[TopUp]) -> dict[UUID, int]:
    """Return how many tokens are left of each of a user's purchases."""
    left: Counter[str] = Counter()
    if rows:
        grants = _grants(user_id=rows[0].user_id).filter(remaining__gt=0)
        for source, remaining in grants.values_list("source", "remaining"):
            left[source.split(":")[1]] += remaining
    return {row.pk: left[str(row.pk)] for row in rows}


def _grants(*, user_id: int) -> QuerySet[Grant]:
    """Return the grants of purchases, and those that won disputes have given back, of any kind."""
    bought = Q(source__startswith="topup:") | Q(source__startswith="refund:")
    return Grant.objects.filter(bought, user_id=user_id).order_by("pk")


def _source(row: TopUp, settlement: int | str) -> str:
    return f"refund:{row.pk}:{settlement}"


@transaction.atomic
def write(row: TopUp, *, lost: int, seen: int, why: str) -> tuple[TopUp, int] | None:
    """Write how many cents were lost, and how many before; None if it was written since ``seen``.

    ``why`` is why the automatic top-up is turned off, if too few tokens are left.

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
    source = _source(found, found.settlements)
    if due > found.taken_back:
        found.taken_back += _take(found, due - found.taken_back, source=source)
        automatic.stop_below(found.user_id, why)
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


def _take(row: TopUp, amount: int, *, source: str) -> int:
    """Take back up to ``amount`` tokens of the purchase; returns how many."""
    taken = 0
    own = Q(source=row.source) | Q(source__startswith=_source(row, ""))
    for number, grant in enumerate(_grants(user_id=row.user_id).filter(own)):
        if taken < amount:
            taken += allowances.take_back_grant(
                user_id=row.user_id,
                grant=grant.source,
                amount=amount - taken,
                source=f"{source}:{number}",
                note="refund of bought tokens",
            )
    return taken
