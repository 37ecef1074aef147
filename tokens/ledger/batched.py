"""The asynchronous interface for the hot path, in micro-batches (``tokens.ledger.batching``)."""

import asyncio
import uuid
from typing import Any

import psycopg
import structlog

from core.database import in_thread
from core.loops import PerLoop
from tokens.errors import LedgerUnavailable
from tokens.ledger import items
from tokens.ledger.accounts import open_account
from tokens.ledger.batching import Answer, Batcher, Item
from tokens.ledger.values import Hold, HoldContext, Receipt, Settlement

log = structlog.get_logger("tokengate.tokens")

_RETRY_AT_MOST = 10.0  # seconds

# The columns of a receipt that contain text of an upstream, with their empty values.
_WITHOUT_ODD_WORDS: dict[str, Any] = {
    "upstream_id": "",
    "attempts": [],
    "cost": None,
    "upstream_cost": None,
}


async def areserve(
    *,
    user_id: int,
    amount: int,
    ttl: float,
    minimum: int | None = None,
    reservation_id: uuid.UUID | None = None,
    context: HoldContext | None = None,
) -> Hold:
    """Do as ``reserve``; also raises ``LedgerUnavailable``.

    If the tokens were reserved and only the answer was lost, they are released as soon as the
    ledger is available. They are also released if the caller is cancelled meanwhile.
    """
    item = items.to_hold(user_id, amount, minimum, ttl, reservation_id, context)
    batchers = _batchers()
    asked = batchers.reserve.submit(item)
    try:
        answer = await asked
        if answer is None:
            await in_thread(open_account, user_id)
            asked = batchers.reserve.submit(item)
            answer = await asked
    except asyncio.CancelledError:
        if not asked.cancelled() and not asked.exception():  # It arrived in the same moment.
            batchers.give_back(item, asked.result())
        raise
    assert answer is not None
    if not answer["held"]:
        raise await in_thread(items.refused, item, answer)
    return items.held(item, answer)


def closing(*, hold: Hold, charge: int, receipt: Receipt) -> Item:
    """Return the settlement as data, for ``asettle`` in this or another process."""
    return items.to_close(hold, charge, receipt)


def settling(closing: Item) -> asyncio.Future[Answer]:
    """Send a settlement. The future gets the answer as it is: what else it can be, see ``asettle``.

    A caller who has no other use for a task needs none while nothing fails.
    """
    return _batchers().settle.submit(closing)


async def asettle(closing: Item, asked: asyncio.Future[Answer] | None = None) -> Settlement:
    """Do as ``settle``; also raises ``LedgerUnavailable``, after which it can be repeated.

    ``asked`` is what ``settling`` has returned for it. If the database refuses a receipt because of
    text of the upstream, it is written without that text, so that the charge is not lost.
    """
    submit = _batchers().settle.submit
    try:
        return items.settled(await (asked or submit(closing)))
    except psycopg.Error:
        if not closing["record"]:
            raise
        log.exception("receipt_refused", reservation=str(closing["id"]))
        record = closing["record"] | _WITHOUT_ODD_WORDS
        return items.settled(await submit({**closing, "record": record}))


async def aclose() -> None:
    """Finish the running statements of this event loop and close the ledger's connections."""
    batchers = _batchers.pop()
    if batchers:
        await batchers.aclose()


class _Batchers:
    """The batchers of one event loop, and the reservations to be released."""

    def __init__(self) -> None:
        self.reserve = Batcher("tokens_reserve", unclaimed=self.give_back, in_doubt=self.let_go)
        self.settle = Batcher("tokens_settle")
        self._letting_go: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        await self.reserve.close()
        for task in self._letting_go:
            task.cancel()
        await self.settle.close()

    def give_back(self, item: Item, answer: Answer) -> None:
        """Release the reservation of a cancelled caller. If this fails, it expires."""
        if answer and answer["held"]:
            released = self.settle.submit(items.to_release(item["id"], item["user_id"]))
            released.add_done_callback(lambda closed: closed.exception())

    def let_go(self, lost: list[Item]) -> None:
        """Release reservations that were reported as failed, once the ledger is available."""
        task = asyncio.create_task(self._until_let_go(lost))
        self._letting_go.add(task)
        task.add_done_callback(self._letting_go.discard)

    async def _until_let_go(self, lost: list[Item]) -> None:
        """Retry until the ledger answers. Without this, a reservation expires."""
        closing = [items.to_release(one["id"], one["user_id"]) for one in lost]
        loop = asyncio.get_running_loop()
        pause, until = 0.1, loop.time() + max(one["ttl"] for one in lost)
        while closing and loop.time() < until:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _RETRY_AT_MOST)
            asked = [self.settle.submit(one) for one in closing]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            answered = zip(closing, answers, strict=True)
            closing = [one for one, answer in answered if isinstance(answer, LedgerUnavailable)]


_batchers = PerLoop(_Batchers)
