"""The synchronous interface: over Django's connection, in the caller's transaction."""

import uuid
from typing import Any

import orjson

from tokens.ledger import items
from tokens.ledger.accounts import open_account
from tokens.ledger.batching import Item, as_json
from tokens.ledger.functions import call
from tokens.ledger.values import Correction, Hold, HoldContext, Receipt, Settlement


def reserve(
    *,
    user_id: int,
    amount: int,
    ttl: float,
    minimum: int | None = None,
    reservation_id: uuid.UUID | None = None,
    context: HoldContext | None = None,
) -> Hold:
    """Reserve ``amount`` tokens for ``ttl`` seconds, or the available ones, at least ``minimum``.

    Without a minimum it is all or nothing. Raises ``InsufficientTokens``, or ``KeyBudgetExceeded``
    if only the key's budget is too small; nothing is reserved then.
    """
    item = items.to_hold(user_id, amount, minimum, ttl, reservation_id, context)
    answer = _ask("tokens_reserve", item)
    if answer is None:
        open_account(user_id)
        answer = _ask("tokens_reserve", item)
    assert answer is not None
    if not answer["held"]:
        raise items.refused(item, answer)
    return items.held(item, answer)


def settle(*, hold: Hold, charge: int, receipt: Receipt) -> Settlement:
    """Charge what was used, release the rest and write the receipt, in one step, once.

    ``charge`` may exceed the reservation and is charged in full. Raises ``ReservationClosed`` for
    an unknown reservation.
    """
    return items.settled(_ask("tokens_settle", items.to_close(hold, charge, receipt)))


def settle_within(
    *, hold: Hold, charge: int, receipt: Receipt, key_budget: int | None
) -> Settlement:
    """Do as ``settle`` for a charge that no provider has confirmed, within the balance.

    It may exceed the reservation by what the balance and the budget of its key allow. Otherwise
    this raises ``InsufficientTokens`` or ``KeyBudgetExceeded`` and changes nothing.
    """
    item = items.to_close_within(hold, charge, receipt, key_budget=key_budget)
    answer = _ask("tokens_settle", item)
    if answer and answer["charged"] is None:
        raise items.not_charged(item, answer)
    return items.settled(answer)


def release(*, hold: Hold) -> Settlement:
    """Release a reservation that was not used, without a receipt."""
    return items.settled(_ask("tokens_settle", items.to_release(hold.id, hold.user_id)))


def adjust(
    *, record_id: uuid.UUID, user_id: int, charge: int, correction: Correction
) -> Settlement:
    """Make a provisional receipt final with another charge; the difference is an entry.

    An excess is returned to the tokens that were used; a missing amount is charged like any other.
    ``fresh`` is false if the receipt was final before, and is unchanged then. Raises
    ``ReservationClosed`` for an unknown receipt.
    """
    return items.settled(
        _ask("tokens_adjust", items.to_adjust(record_id, user_id, charge, correction))
    )


def conclude(*, record_id: uuid.UUID, user_id: int) -> Settlement:
    """Make a provisional receipt final unchanged, if no final usage is available."""
    return items.settled(_ask("tokens_adjust", items.to_adjust(record_id, user_id, None, None)))


def expire(*, at_most: int = 1000) -> int:
    """Expire reservations whose deadline has passed; returns how many, up to ``at_most``."""
    return int(call("tokens_expire", at_most))


def renew(*, reservation_ids: list[uuid.UUID], ttl: float) -> None:
    """Extend the deadlines of held reservations to ``ttl`` seconds from now."""
    call("tokens_renew", reservation_ids, ttl)


def trace(*, answering: dict[uuid.UUID, tuple[str, str]]) -> None:
    """Record the provider and the upstream id that answer held reservations."""
    providers, upstream_ids = zip(*answering.values(), strict=True)
    call("tokens_trace", list(answering), list(providers), list(upstream_ids))


def _ask(function: str, item: Item) -> dict[str, Any] | None:
    answers: list[dict[str, Any] | None] = orjson.loads(call(function, as_json([item])))
    return answers[0]
