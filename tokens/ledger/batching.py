"""Micro-batches: callers that arrive while a statement is in flight share the next one.

Alone, a caller pays one round trip and waits for nobody. Under load a batch carries as many
callers as came in the meantime, so one commit to disk serves them all.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from decimal import Decimal
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
# The server itself gives up earlier: core.database sets its timeouts.
SILENCE_SECONDS = 8.0

_FAULTS_OF_AN_ITEM = (psycopg.DataError, psycopg.IntegrityError)
_WORTH_ANOTHER_TRY = (
    TimeoutError,
    psycopg.errors.AdminShutdown,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.QueryCanceled,
    psycopg.errors.SerializationFailure,
)

log = structlog.get_logger("tokengate.tokens")


def as_json(items: list[Item]) -> str:
    """Write items as the SQL functions read them; decimals as text, which keeps them exact."""
    return as_bytes(items).decode()


def as_bytes(items: list[Item]) -> bytes:
    """Do as ``as_json``, encoded."""
    return orjson.dumps(items, default=_decimal)


def _decimal(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError


def _nobody_minds(item: Item, answer: Answer) -> None:
    """Leave it at that: the answer changes nothing for a caller who has gone."""


def _to_be_asked_again(items: list[Item]) -> None:
    """Leave it at that: whoever is told of the outage asks again."""


class Batcher:
    """Sends items to one SQL function of the ledger (JSON array in, JSON array out).

    The function must be safe to repeat: after a lost connection the batch is sent again. Belongs
    to the event loop that first uses it, and holds one database connection, none while idle for
    a request: nothing of a caller's is kept while the caller streams.

    ``unclaimed`` is called with item and answer when the caller had been cancelled by then;
    ``in_doubt`` with the items that were sent and never answered: the database may have taken them.
    """

    def __init__(
        self,
        function: str,
        *,
        unclaimed: Callable[[Item, Answer], None] = _nobody_minds,
        in_doubt: Callable[[list[Item]], None] = _to_be_asked_again,
    ) -> None:
        self._unclaimed = unclaimed
        self._in_doubt = in_doubt
        self._function = function
        self._sizes = metrics.BATCH_SIZE.labels(function)
        self._seconds = metrics.BATCH_SECONDS.labels(function)
        self._waiting: deque[Waiting] = deque()
        self._statement: PreparedStatement | None = None
        self._runner: asyncio.Task[None] | None = None

    def submit(self, item: Item) -> asyncio.Future[Answer]:
        """Send one item with the next batch; the future holds its own answer.

        It is sent also when the future is cancelled meanwhile.
        It fails with ``LedgerUnavailable`` when the database cannot be reached, and with the
        ``psycopg.Error`` of this very item when it alone is at fault.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return future

    async def close(self) -> None:
        """Finish what waits, then close the connection."""
        if self._runner:
            await asyncio.wait([self._runner])
        self._disconnect()

    async def _run(self) -> None:
        while self._waiting:
            size = min(len(self._waiting), MAX_BATCH)
            await self._serve([self._waiting.popleft() for _ in range(size)])

    async def _serve(self, batch: list[Waiting]) -> None:
        try:
            answers = await self._send([item for item, _ in batch])
        except _FAULTS_OF_AN_ITEM as error:
            if len(batch) == 1:
                _fail(batch, error)
            for one in batch if len(batch) > 1 else []:  # One bad item undid them all.
                await self._serve([one])
        except psycopg.errors.LockNotAvailable as error:
            await self._serve_those_not_locked(batch, error)
        except Exception:  # A caller must never wait for ever.
            log.exception("ledger_unavailable", callers=len(batch))
            _fail(batch, LedgerUnavailable())
        else:
            self._answer(batch, answers)

    def _answer(self, batch: list[Waiting], answers: list[Answer]) -> None:
        for (item, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
            elif future.cancelled():
                self._unclaimed(item, answer)

    async def _serve_those_not_locked(self, batch: list[Waiting], error: Exception) -> None:
        """Somebody keeps a balance locked: its user waits longer, the others do not."""
        by_user: dict[int, list[Waiting]] = {}
        for waiting in batch:
            by_user.setdefault(waiting[0]["user_id"], []).append(waiting)
        if len(by_user) == 1:
            log.error("balance_locked", error=repr(error), user_id=batch[0][0]["user_id"])
            _fail(batch, LedgerUnavailable())
        for theirs in by_user.values() if len(by_user) > 1 else []:
            await self._serve(theirs)

    async def _send(self, items: list[Item]) -> list[Answer]:
        payload, sent = as_bytes(items), False
        for attempt in range(ATTEMPTS):
            try:
                statement = await self._prepared()
                began, sent = time.perf_counter(), True
                found = await statement.fetch(payload, patience=SILENCE_SECONDS)
            except (psycopg.Error, TimeoutError) as error:
                if not _is_lost(error, self._statement):
                    raise
                self._disconnect()
                await asyncio.sleep(0.05 * attempt)
            else:
                self._sizes.observe(len(items))
                self._seconds.observe(time.perf_counter() - began)
                answers: list[Answer] = orjson.loads(found)
                return answers
        if sent:
            self._in_doubt(items)
        raise LedgerUnavailable

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


def _is_lost(error: Exception, statement: PreparedStatement | None) -> bool:
    """Tell a lost or unreachable server, which is asked again, from a bad item."""
    if statement is None or statement.closed:
        return True
    return isinstance(error, _WORTH_ANOTHER_TRY)
