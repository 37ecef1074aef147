"""The only writer of money: grant, reserve, settle, adjust, release, renew, expire.

Each use case stands behind two doors, synchronous (in the caller's transaction, over Django's
connection) and asynchronous (``areserve`` …, in micro-batches); both call the same SQL function
of ``tokens/sql``. All amounts are whole LLM tokens. Everything may be repeated: a grant by its
source, a reservation and its settlement by the reservation's id.
"""

import asyncio
import math
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
import psycopg
import structlog
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import DateTimeField, F, Func, Q
from django.utils import timezone

from config.database import in_thread
from config.loops import PerLoop
from tokens.batching import Answer, Batcher, Item, as_json
from tokens.errors import InsufficientTokens, KeyBudgetExceeded, ReservationClosed
from tokens.functions import call as _call
from tokens.models import Balance, Entry, UsageRecord
from tokens.periods import months_after, period_at
from tokens.tiers import default_tier

log = structlog.get_logger("tokengate.tokens")


class Hold(NamedTuple):
    """Tokens held for one request. ``available`` is what the user had left just after."""

    id: uuid.UUID
    user_id: int
    amount: int
    available: int


class Settlement(NamedTuple):
    """What a reservation ended with. ``fresh`` is false when it had been closed before."""

    charged: int
    available: int
    fresh: bool


class HoldContext(NamedTuple):
    """Which request a hold is for; kept for its receipt. An empty endpoint leaves none."""

    request_id: str = ""
    api_key: uuid.UUID | None = None
    key_budget: int | None = None
    endpoint: str = ""
    model: str = ""


_NO_CONTEXT = HoldContext()

# The columns of a receipt into which an upstream could have put odd words, as they are without.
_WITHOUT_ODD_WORDS: dict[str, Any] = {
    "upstream_id": "",
    "attempts": [],
    "cost": None,
    "upstream_cost": None,
    "cached_tokens": 0,
    "reasoning_tokens": 0,
}


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What a provider said later of a provisional receipt: its columns, as they are to be."""

    provider: str
    upstream_id: str
    source: str = UsageRecord.Source.REPORTED
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    price_prompt: Decimal | None = None
    price_completion: Decimal | None = None
    price_cached: Decimal | None = None
    price_request: Decimal | None = None
    weight_prompt: Decimal | None = None
    weight_completion: Decimal | None = None
    cost: Decimal | None = None
    upstream_cost: Decimal | None = None


@dataclass(kw_only=True)
class Receipt:
    """How a request ended: the columns of a usage record that its caller knows."""

    model: str
    status: str = UsageRecord.Status.OK
    source: str = UsageRecord.Source.REPORTED
    final: bool = True
    provider: str = ""
    upstream_id: str = ""
    streamed: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    price_prompt: Decimal | None = None
    price_completion: Decimal | None = None
    price_cached: Decimal | None = None
    price_request: Decimal | None = None
    weight_prompt: Decimal | None = None
    weight_completion: Decimal | None = None
    cost: Decimal | None = None
    upstream_cost: Decimal | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    first_byte_ms: int | None = None
    duration_ms: int = 0


# Accounts and grants


def open_account(user_id: int) -> Balance:
    """Return the user's balance, up to date: nothing in it is past its time.

    The first call puts him on the default tier and grants its tokens.

    Raises ``User.DoesNotExist`` for an unknown user.
    """
    return _find(user_id) or _open(user_id)


def _find(user_id: int) -> Balance | None:
    now = Func(function="tokens_now", output_field=DateTimeField())
    balances = Balance.objects.select_related("tier").filter(user_id=user_id)
    found = balances.alias(now=now).annotate(is_due=Q(due_at__lte=F("now"))).first()
    if found and found.is_due:
        _call("tokens_roll", user_id)
        return balances.get()
    return found


@transaction.atomic
def _open(user_id: int) -> Balance:
    user = get_user_model().objects.get(pk=user_id)
    tier = default_tier()
    start, end = period_at(user.date_joined, _call("tokens_now"))
    opening = {"tier": tier, "period_start": start, "period_end": end}
    opening |= {"anchor": user.date_joined, "due_at": end}
    Balance.objects.get_or_create(user_id=user_id, defaults=opening)
    if tier.monthly_tokens:
        source = f"period:{user_id}:{start.date()}"
        grant(user_id=user_id, amount=tier.monthly_tokens, source=source, kind=Entry.Kind.ALLOWANCE)
    return Balance.objects.select_related("tier").get(user_id=user_id)


def grant(
    *,
    user_id: int,
    amount: int,
    source: str,
    kind: str = Entry.Kind.BONUS,
    expires_at: datetime | None = None,
    note: str = "",
) -> bool:
    """Give tokens, once per kind and source; False when they were given before.

    ``source`` names the cause (an invoice id, a staff action). An allowance counts for the running
    period; a bonus stays until it is spent or expires. Raises ``ValueError`` unless amount > 0.
    """
    if amount <= 0:
        raise ValueError("a grant needs a positive amount")
    with transaction.atomic():
        if kind == Entry.Kind.BONUS:
            open_account(user_id)
        row = _call("tokens_grant", user_id, kind, amount, source, note, expires_at)
    return bool(row)


# Reservations, synchronous


def reserve(
    *,
    user_id: int,
    amount: int,
    ttl: float,
    minimum: int | None = None,
    reservation_id: uuid.UUID | None = None,
    context: HoldContext | None = None,
) -> Hold:
    """Hold ``amount`` tokens for ``ttl`` seconds, or what there is of them down to ``minimum``.

    Without a minimum it is all or nothing. Raises ``InsufficientTokens``, or ``KeyBudgetExceeded``
    when only the key's budget is in the way, having held nothing.
    """
    item = _hold_item(user_id, amount, minimum, ttl, reservation_id, context)
    answer = _call_batch("tokens_reserve", item)
    if answer is None:
        open_account(user_id)
        answer = _call_batch("tokens_reserve", item)
    assert answer is not None
    if not answer["held"]:
        raise _refusal(item, answer)
    return _hold(item, answer)


def settle(*, hold: Hold, charge: int, receipt: Receipt) -> Settlement:
    """Charge what was used, free the rest and write the receipt, in one step, once.

    ``charge`` may pass the hold: it is taken in full. Raises ``ReservationClosed`` for an unknown
    reservation.
    """
    return _settlement(_call_batch("tokens_settle", _close_item(hold, charge, receipt)))


def release(*, hold: Hold) -> Settlement:
    """Free a hold for which nothing ran; leaves no receipt."""
    return _settlement(_call_batch("tokens_settle", _close_item(hold, 0, None)))


def adjust(
    *, record_id: uuid.UUID, user_id: int, charge: int, correction: Correction
) -> Settlement:
    """Make a provisional receipt final with another charge; the difference is an entry.

    What was charged too much goes back to where it burned; what is missing is taken like any
    charge. ``fresh`` is false when the receipt was final before: then what it says stands. Raises
    ``ReservationClosed`` for an unknown receipt.
    """
    return _settlement(
        _call_batch("tokens_adjust", _adjust_item(record_id, user_id, charge, correction))
    )


def conclude(*, record_id: uuid.UUID, user_id: int) -> Settlement:
    """Make a provisional receipt final as it stands: no later word is to be had."""
    return _settlement(_call_batch("tokens_adjust", _adjust_item(record_id, user_id, None, None)))


def expire(*, at_most: int = 1000) -> int:
    """Free holds whose deadline has passed; returns how many, ``at_most`` at a time."""
    return int(_call("tokens_expire", at_most))


# Reservations, asynchronous: the hot path


async def areserve(
    *,
    user_id: int,
    amount: int,
    ttl: float,
    minimum: int | None = None,
    reservation_id: uuid.UUID | None = None,
    context: HoldContext | None = None,
) -> Hold:
    """Do as ``reserve``; also raises ``LedgerUnavailable``, having held nothing.

    A caller that is cancelled meanwhile holds nothing either.
    """
    item = _hold_item(user_id, amount, minimum, ttl, reservation_id, context)
    answer = await _ask_for_hold(item)
    if answer is None:
        await in_thread(open_account, user_id)
        answer = await _ask_for_hold(item)
    assert answer is not None
    if not answer["held"]:
        raise await in_thread(_refusal, item, answer)
    return _hold(item, answer)


def closing(*, hold: Hold, charge: int, receipt: Receipt) -> Item:
    """Return what ``settle`` would do, for ``asettle`` to carry out, also in another process."""
    return _close_item(hold, charge, receipt)


async def asettle(closing: Item) -> Settlement:
    """Do as ``settle``; also raises ``LedgerUnavailable``: then it may be called again.

    A receipt that is refused, for some odd word of the upstream's, is written without such words:
    the charge is what matters.
    """
    submit = _doors().settle.submit
    try:
        return _settlement(await submit(closing))
    except psycopg.Error:
        if not closing["record"]:
            raise
        log.exception("receipt_refused", reservation=str(closing["id"]))
        record = closing["record"] | _WITHOUT_ODD_WORDS
        return _settlement(await submit({**closing, "record": record}))


def renew(*, reservation_ids: list[uuid.UUID], ttl: float) -> None:
    """Push the deadlines of held reservations to ``ttl`` seconds from now."""
    _call("tokens_renew", reservation_ids, ttl)


def trace(*, answering: dict[uuid.UUID, tuple[str, str]]) -> None:
    """Note with held reservations who answers, and by what id of his: (provider, upstream id)."""
    providers, upstream_ids = zip(*answering.values(), strict=True)
    _call("tokens_trace", list(answering), list(providers), list(upstream_ids))


async def aclose() -> None:
    """Finish what is in flight on this event loop and close the ledger's connections."""
    doors = _doors.pop()
    if doors:
        await asyncio.gather(doors.reserve.close(), doors.settle.close())


async def _ask_for_hold(item: Item) -> Answer:
    asked = _doors().reserve.submit(item)
    try:
        return await asked
    except asyncio.CancelledError:
        if not asked.cancelled() and not asked.exception():  # It came in the same moment.
            _give_back(item, asked.result())
        raise


def _give_back(item: Item, answer: Answer) -> None:
    """Release what was held for a caller that had gone by then; failing that, it expires."""
    if answer and answer["held"]:
        closing = _close_item(_hold(item, answer), 0, None)
        _doors().settle.submit(closing).add_done_callback(lambda closed: closed.exception())


@dataclass
class _Doors:
    reserve: Batcher = field(
        default_factory=lambda: Batcher("tokens_reserve", unclaimed=_give_back)
    )
    settle: Batcher = field(default_factory=lambda: Batcher("tokens_settle"))


_doors = PerLoop(_Doors)


def _hold_item(
    user_id: int,
    amount: int,
    minimum: int | None,
    ttl: float,
    reservation_id: uuid.UUID | None,
    context: HoldContext | None,
) -> Item:
    minimum = amount if minimum is None else minimum
    if not 0 < minimum <= amount:
        raise ValueError("a reservation needs 0 < minimum <= amount")
    return {
        "id": reservation_id or uuid.uuid4(),
        "user_id": user_id,
        "minimum": minimum,
        "amount": amount,
        "ttl": ttl,
        **(context or _NO_CONTEXT)._asdict(),
    }


def _hold(item: Item, answer: dict[str, Any]) -> Hold:
    return Hold(item["id"], item["user_id"], answer["held"], answer["available"])


def _close_item(hold: Hold, charge: int, receipt: Receipt | None) -> Item:
    if charge < 0:
        raise ValueError("a charge cannot be negative")
    return {"id": hold.id, "user_id": hold.user_id, "charge": charge, "record": _columns(receipt)}


def _adjust_item(
    record_id: uuid.UUID, user_id: int, charge: int | None, correction: Correction | None
) -> Item:
    if charge is not None and charge < 0:
        raise ValueError("a charge cannot be negative")
    columns = _columns(correction) or {}
    return {"id": record_id, "user_id": user_id, "charge": charge, "record": columns}


def _columns(receipt: Receipt | Correction | None) -> dict[str, Any] | None:
    return vars(receipt).copy() if receipt else None


def _settlement(answer: dict[str, Any] | None) -> Settlement:
    if answer is None:
        raise ReservationClosed("There is no such reservation.")
    return Settlement(**answer)


def _refusal(item: Item, answer: dict[str, Any]) -> InsufficientTokens | KeyBudgetExceeded:
    left = answer["key_left"]
    if left is not None and left < item["minimum"] <= answer["available"]:
        now = timezone.now().astimezone(UTC)
        resets_at = months_after(datetime(now.year, now.month, 1, tzinfo=UTC), 1)
        return KeyBudgetExceeded(
            budget=item["key_budget"],
            left=max(left, 0),
            resets_at=resets_at,
            retry_after=math.ceil((resets_at - now).total_seconds()),
        )
    balance = Balance.objects.get(user_id=item["user_id"])
    return InsufficientTokens(
        needed=item["minimum"], available=answer["available"], resets_at=balance.period_end
    )


def _call_batch(function: str, item: Item) -> dict[str, Any] | None:
    answers = _call(function, as_json([item]))
    answer: dict[str, Any] | None = (
        orjson.loads(answers)[0] if isinstance(answers, str) else answers[0]
    )
    return answer
