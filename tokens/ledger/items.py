"""The items of a batch for the SQL functions, and reading the functions' answers."""

import math
import uuid
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from msgspec.structs import asdict
from uuid_utils.compat import uuid7

from tokens.errors import (
    InsufficientTokens,
    KeyBudgetExceeded,
    ReservationClosed,
    SessionBudgetExceeded,
)
from tokens.ledger.batching import Item
from tokens.ledger.values import Correction, Hold, HoldContext, Receipt, Settlement
from tokens.models import Balance
from tokens.periods import months_after

_NO_CONTEXT = HoldContext()


def to_hold(
    user_id: int,
    amount: int,
    minimum: int | None,
    ttl: float,
    reservation_id: uuid.UUID | None,
    context: HoldContext | None,
) -> Item:
    """Build a reservation; without a minimum it is all or nothing. Raises ``ValueError``."""
    context = context or _NO_CONTEXT
    minimum = amount if minimum is None else minimum
    if not 0 < minimum <= amount:
        raise ValueError("a reservation needs 0 < minimum <= amount")
    return {
        # Ordered by time, so that new rows are close together in the indexes.
        "id": reservation_id or uuid7(),
        "user_id": user_id,
        "minimum": minimum,
        "amount": amount,
        "ttl": ttl,
        # As `asdict`, at a fraction of what that takes.
        "request_id": context.request_id,
        "api_key": context.api_key,
        "key_budget": context.key_budget,
        "endpoint": context.endpoint,
        "model": context.model,
        "session": context.session,
        "task": context.task,
        "session_budget": context.session_budget,
        "task_budget": context.task_budget,
    }


def held(item: Item, answer: dict[str, Any]) -> Hold:
    """Read the answer to an accepted reservation."""
    return Hold(item["id"], item["user_id"], answer["held"], answer["available"])


def to_close(hold: Hold, charge: int, receipt: Receipt) -> Item:
    """Build a settlement. Raises ``ValueError``."""
    if charge < 0:
        raise ValueError("a charge cannot be negative")
    return {"id": hold.id, "user_id": hold.user_id, "charge": charge, "record": _columns(receipt)}


def to_release(reservation_id: uuid.UUID, user_id: int) -> Item:
    """Build the release of a reservation that was not used."""
    return {"id": reservation_id, "user_id": user_id, "charge": 0, "record": None}


def to_close_within(hold: Hold, charge: int, receipt: Receipt, *, key_budget: int | None) -> Item:
    """Build a settlement that balance and budget must cover. Raises ``ValueError``."""
    return to_close(hold, charge, receipt) | {"bounded": True, "key_budget": key_budget}


def to_adjust(
    record_id: uuid.UUID, user_id: int, charge: int | None, correction: Correction | None
) -> Item:
    """Build the correction that makes a receipt final, unchanged without a charge.

    Raises ``ValueError``.
    """
    if charge is not None and charge < 0:
        raise ValueError("a charge cannot be negative")
    columns = _columns(correction) if correction else {}
    return {"id": record_id, "user_id": user_id, "charge": charge, "record": columns}


def _columns(receipt: Receipt | Correction) -> dict[str, Any]:
    return asdict(receipt)


def settled(answer: dict[str, Any] | None) -> Settlement:
    """Read the answer to either. Raises ``ReservationClosed`` if it does not exist."""
    if answer is None:
        raise ReservationClosed("There is no such reservation.")
    return Settlement(**answer)


Refusal = InsufficientTokens | KeyBudgetExceeded | SessionBudgetExceeded


def refused(item: Item, answer: dict[str, Any]) -> Refusal:
    """Return the error for a refused reservation. This reads the balance."""
    return _too_much(item, answer, needed=item["minimum"])


def not_charged(item: Item, answer: dict[str, Any]) -> Refusal:
    """Return the error for a refused report of a client. This reads the balance.

    The figures include the reservation's own tokens.
    """
    return _too_much(item, answer, needed=item["charge"])


def _too_much(item: Item, answer: dict[str, Any], *, needed: int) -> Refusal:
    for kind in ("session", "task") if needed <= answer["available"] else ():
        of_kind = answer.get(f"{kind}_left")
        if of_kind is not None and of_kind < needed:
            return SessionBudgetExceeded(
                kind=kind,
                name=item[kind],
                budget=answer[f"{kind}_budget"],
                available=max(of_kind, 0),
                needed=needed,
            )
    left = answer["key_left"]
    if left is not None and left < needed <= answer["available"]:
        now = timezone.now()  # in UTC
        resets_at = months_after(datetime(now.year, now.month, 1, tzinfo=UTC), 1)
        return KeyBudgetExceeded(
            budget=item["key_budget"],
            left=max(left, 0),
            resets_at=resets_at,
            retry_after=math.ceil((resets_at - now).total_seconds()),
        )
    balance = Balance.objects.get(user_id=item["user_id"])
    return InsufficientTokens(
        needed=needed, available=answer["available"], resets_at=balance.period_end
    )
