"""Micro-batches: calls that arrive while a statement is running share the next one.

A single call takes one round trip without waiting. Under load, a batch contains the calls that
arrived meanwhile, so they share one commit to disk.
"""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import orjson
import psycopg
import structlog

from core.statement import PreparedStatement
from tokens import metrics
from tokens.errors import LedgerUnavailable

Item = dict[str, Any]
Answer = dict[str, Any] | None
Waiting = tuple[Item, asyncio.Future[Answer]]

MAX_BATCH = 256
ATTEMPTS = 3
# The server's own timeouts are shorter: see core.database.
SILENCE_SECONDS = 8.0

_FAULTS_OF_AN_ITEM = (psycopg.DataError, psycopg.IntegrityError)
_WORTH_ANOTHER_TRY = (
    TimeoutError,
    psycopg.errors.AdminShutdown,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.QueryCanceled,
    psycopg.errors.ReadOnlySqlTransaction,  # it has become a standby
    psycopg.errors.SerializationFailure,
)

log = structlog.get_logger("tokengate.tokens")


def as_json(items: list[Item]) -> str:
    """Serialize items for the SQL functions. Decimals are strings, which are exact."""
    return as_bytes(items).decode()


def as_bytes(items: list[Item]) -> bytes:
    """Return ``as_json``, encoded."""
    return orjson.dumps(items, default=Decimal.__str__)  # It refuses what is no decimal.


def _ignore_answer(item: Item, answer: Answer) -> None:
    """Ignore it: the caller has gone, and the answer does not matter."""


def _ignore_items(items: list[Item]) -> None:
    """Ignore it: callers repeat their calls after an outage."""


class Batcher:
    """Sends items to one SQL function of the ledger (JSON array in, JSON array out).

    While it has a connection, a batch takes no task: nothing but the statement is waited for. The
    function must be idempotent, because the batch is sent again after a lost connection. A
    batcher belongs to the event loop that first uses it. It has one database connection, which is
    not bound to any caller between statements.

    ``unclaimed`` is called with item and answer if the caller was cancelled meanwhile; ``in_doubt``
    with the items that were sent and never answered: the database may have processed them.
    """

    def __init__(
        self,
        function: str,
        *,
        unclaimed: Callable[[Item, Answer], None] = _ignore_answer,
        in_doubt: Callable[[list[Item]], None] = _ignore_items,
    ) -> None:
        self._unclaimed = unclaimed
        self._in_doubt = in_doubt
        self._function = function
        self._sizes = metrics.BATCH_SIZE.labels(function)
        self._seconds = metrics.BATCH_SECONDS.labels(function)
        self._waiting: list[Waiting] = []
        self._statement: PreparedStatement | None = None
        self._running: asyncio.Future[Any] | None = None

    def submit(self, item: Item) -> asyncio.Future[Answer]:
        """Send one item with the next batch; the future gets its answer.

        The item is sent even if the future is cancelled meanwhile. The future fails with
        ``LedgerUnavailable`` if the database is unavailable, and with the ``psycopg.Error`` of
        this item if only this item caused it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        if self._running is None and not self._waiting:
            loop.call_soon(self._begin)  # The other calls of this turn of the loop join it.
        self._waiting.append((item, future))
        return future

    async def close(self) -> None:
        """Finish the waiting items, then close the connection."""
        while self._running is not None or self._waiting:
            await (asyncio.wait([self._running]) if self._running else asyncio.sleep(0))
        self._disconnect()

    def _begin(self) -> None:
        """Send the items that wait: at once over the connection, else in a task."""
        batch = self._waiting[:MAX_BATCH]
        del self._waiting[:MAX_BATCH]
        statement = self._statement
        if statement is None or statement.closed:
            self._begin_task(batch)
            return
        began = time.perf_counter()
        try:
            payload = as_bytes([item for item, _ in batch])
        except TypeError:  # Not JSON: it fails there.
            self._begin_task(batch)
            return
        self._running = statement.fetch(payload, patience=SILENCE_SECONDS)
        self._running.add_done_callback(partial(self._asked, batch, began))

    def _asked(self, batch: list[Waiting], began: float, asked: asyncio.Future[bytes]) -> None:
        """Hand the answers out, which takes no task. A failure is dealt with in one."""
        if asked.cancelled() or asked.exception() is not None:
            self._begin_task(batch, asked)
            return
        try:
            answers = self._answers_in(asked.result(), began)
        except (TypeError, ValueError):  # Not the answers of a batch: it fails there.
            self._begin_task(batch, asked)
            return
        try:
            self._answer(batch, answers)
        finally:
            self._go_on()

    def _go_on(self, _: object = None) -> None:
        self._running = None
        if self._waiting:
            self._begin()

    def _begin_task(self, batch: list[Waiting], asked: asyncio.Future[bytes] | None = None) -> None:
        self._running = asyncio.create_task(self._serve(batch, asked))
        self._running.add_done_callback(self._go_on)

    async def _serve(
        self, batch: list[Waiting], asked: asyncio.Future[bytes] | None = None
    ) -> None:
        """Send the items until they are answered; ``asked`` is the first attempt, if any."""
        try:
            answers = await self._send([item for item, _ in batch], asked)
        except _FAULTS_OF_AN_ITEM as error:
            if len(batch) == 1:
                _fail(batch, error)
            for one in batch if len(batch) > 1 else []:  # One invalid item rolled back all.
                await self._serve([one])
        except psycopg.errors.LockNotAvailable as error:
            await self._serve_those_not_locked(batch, error)
        except Exception:  # No call may wait without a limit.
            log.exception("ledger_unavailable", callers=len(batch))
            _fail_all(batch)
        else:
            self._answer(batch, answers)

    def _answer(self, batch: list[Waiting], answers: list[Answer]) -> None:
        for (item, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
            elif future.cancelled():
                self._unclaimed(item, answer)

    async def _serve_those_not_locked(self, batch: list[Waiting], error: Exception) -> None:
        """Handle a locked balance: only its user's items wait longer."""
        by_user: dict[int, list[Waiting]] = {}
        for waiting in batch:
            by_user.setdefault(waiting[0]["user_id"], []).append(waiting)
        if len(by_user) == 1:
            log.error("balance_locked", error=repr(error), user_id=batch[0][0]["user_id"])
            _fail_all(batch)
        for theirs in by_user.values() if len(by_user) > 1 else []:
            await self._serve(theirs)

    async def _send(self, items: list[Item], asked: asyncio.Future[bytes] | None) -> list[Answer]:
        payload, sent = as_bytes(items), asked is not None
        for attempt in range(ATTEMPTS):
            began = time.perf_counter()
            try:
                if asked is None:
                    statement = await self._prepared()
                    began, sent = time.perf_counter(), True
                    asked = statement.fetch(payload, patience=SILENCE_SECONDS)
                found = await asked
            except (psycopg.Error, TimeoutError) as error:
                if not _is_lost(error, self._statement):
                    raise
                self._disconnect()
                asked = None
                await asyncio.sleep(0.05 * attempt)
            else:
                return self._answers_in(found, began)
        if sent:
            self._in_doubt(items)
        raise LedgerUnavailable

    def _answers_in(self, found: bytes, began: float) -> list[Answer]:
        answers: list[Answer] = orjson.loads(found)
        self._sizes.observe(len(answers))
        self._seconds.observe(time.perf_counter() - began)
        return answers

    async def _prepared(self) -> PreparedStatement:
        if self._statement is None or self._statement.closed:
            self._disconnect()
            call = f"SELECT {self._function}($1::jsonb)"
            self._statement = await PreparedStatement.prepare(call, patience=SILENCE_SECONDS)
        return self._statement

    def _disconnect(self) -> None:
        statement, self._statement = self._statement, None
        if statement is not None:
            statement.close()


def _fail(batch: list[Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)


def _fail_all(batch: list[Waiting]) -> None:
    """Give each caller an error of its own, to which its headers are added."""
    for one in batch:
        _fail([one], LedgerUnavailable())


def _is_lost(error: Exception, statement: PreparedStatement | None) -> bool:
    """Return whether the server is unavailable, so that the batch is retried."""
    if statement is None or statement.closed:
        return True
    return isinstance(error, _WORTH_ANOTHER_TRY)
