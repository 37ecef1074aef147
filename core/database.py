"""Access to PostgreSQL for async code, for which Django's connections are not suited.

``in_thread`` runs synchronous ORM code off the event loop and returns its connection at once.
``connect`` opens a psycopg connection to the database that Django uses. ``give_back`` is for
synchronous code that is about to wait for a network call.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any, ParamSpec, TypedDict, TypeVar
from uuid import uuid4

import psycopg
from django.conf import settings
from django.db import Error, OperationalError, connections, router, transaction
from django.db.models import Model
from psycopg_pool import PoolTimeout

P = ParamSpec("P")
T = TypeVar("T")

# A locked row or a server that hangs must not hold up everybody.
_IMPATIENT = {
    "connect_timeout": 2,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
BRIEF = {"lock_timeout": 1000, "statement_timeout": 5000}  # ms
_FAIL_FAST_SECONDS = 1.0
# The server shuts down or starts, a pooler cannot reach it, or it has become a standby.
_AWAY = ("57P", "08", psycopg.errors.ReadOnlySqlTransaction.sqlstate)

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="orm")


class _Unavailable:
    """Until when the database is taken to be away."""

    until = 0.0


_away = _Unavailable()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run synchronous ORM code in a worker thread; its database connection is not kept.

    Raises ``OperationalError`` at once for a second after another call could not reach the
    database: while it is away, nobody queues up for it.
    """

    def call() -> T:
        if time.monotonic() < _away.until:
            raise OperationalError("the database was away a moment ago")
        try:
            return function(*args, **kwargs)
        except (OperationalError, psycopg.OperationalError) as error:
            _note(error)
            raise
        finally:
            connections.close_all()

    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, copy_context().run, call)


def give_back() -> None:
    """Give this thread's connection back to the pool: the network is about to be waited for.

    A request would keep it to its end, and a few that wait for a slow neighbour would leave none
    for all others. The next query takes one again. A transaction needs its own: within one, this
    does nothing.
    """
    connection = connections["default"]
    if not connection.in_atomic_block:
        connection.close()


def _note(error: Exception) -> None:
    """Take the server to be away, unless it only refused a statement.

    A pool that has nothing to give in time may only be busy. Where connections idle, they are dead.
    """
    cause = error.__cause__ or error
    state = getattr(cause, "sqlstate", None)
    if state is not None and not state.startswith(_AWAY):
        return
    _away.until = time.monotonic() + _FAIL_FAST_SECONDS
    pool = _pool()
    if pool and (not isinstance(cause, PoolTimeout) or pool.get_stats().get("pool_available")):
        # They went with the one that was lost. The pool itself would find out one by one, with
        # pauses, and fail those who wait for it meanwhile.
        pool.drain()


def _pool() -> Any:
    """Return this process's pool if it has one already. Asking Django for it would make one."""
    wrapper: Any = connections["default"]
    return wrapper._connection_pools.get(wrapper.alias)  # noqa: SLF001


@contextmanager
def at_most(*, seconds: float) -> Iterator[None]:
    """Run the block in a transaction in which no statement may take longer.

    Raises ``OperationalError`` if one does.
    """
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true)", [str(round(seconds * 1000))]
        )
        yield


@contextmanager
def one_snapshot(model: type[Model]) -> Iterator[None]:
    """Have all that the block reads be of one moment, from the database that has the model.

    Within a transaction that has begun, it reads as that does. The block writes nothing.
    """
    alias = router.db_for_read(model)
    if connections[alias].in_atomic_block:
        yield
        return
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


class PoolFigures(TypedDict):
    """The state of this process's pool of database connections, and what it did so far."""

    busy: int
    idle: int
    waiting: int
    """Callers that wait for a connection now."""
    waits: int
    """Callers that had to wait so far."""
    wait_seconds: float
    timeouts: int
    """Callers that were given none in time."""


def pool_figures() -> PoolFigures:
    """Return the figures of this process's pool."""
    pool = _pool()
    found: dict[str, int] = pool.get_stats() if pool else {}
    idle = found.get("pool_available", 0)
    return {
        "busy": found.get("pool_size", 0) - idle,
        "idle": idle,
        "waiting": found.get("requests_waiting", 0),
        "waits": found.get("requests_queued", 0),
        "wait_seconds": found.get("requests_wait_ms", 0) / 1000,
        "timeouts": found.get("requests_errors", 0),
    }


def announce(channel: str, news: str = "") -> None:
    """Tell every process that listens, once the running transaction is committed."""
    with connections["default"].cursor() as cursor:
        # Nothing is lost with an announcement that a crash undoes: nobody waits for the disk.
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'off', true), pg_notify(%s, %s)",
            [channel, news],
        )


class Listener:
    """Hears what is announced, and knows whether it can have missed anything.

    It announces something itself, now and then, by another connection, and is sure for a moment
    when it hears that. So a lost connection, or a transaction pooler, which passes no
    announcements on, is noticed within ``SURE_SECONDS``.
    """

    PROVE_SECONDS = 0.3
    SURE_SECONDS = 0.9

    def __init__(self, channel: str, heard: Callable[[str | None], None]) -> None:
        """``heard`` is given the news, or None when some may have been missed."""
        self._channel = channel
        self._heard = heard
        self._proof = f"proof:{uuid4()}:"
        self._sure_until = float("-inf")

    @property
    def is_sure(self) -> bool:
        """Tell whether all that was announced until a moment ago has been heard."""
        return time.monotonic() < self._sure_until

    async def listen_for_ever(self) -> None:
        """Listen, through all the times that the database is away.

        A transaction pooler passes nothing on, and its connections to the server would go on
        listening for whoever gets them next: behind one, nothing is heard.
        """
        if settings.DATABASE_TRANSACTION_POOLER:
            return
        proving = asyncio.create_task(self._prove_for_ever())
        try:
            while True:
                try:
                    await self._listen()
                except psycopg.Error:
                    await asyncio.sleep(_FAIL_FAST_SECONDS)
        finally:
            proving.cancel()

    async def _listen(self) -> None:
        async with await connect() as connection:
            await connection.execute(f"LISTEN {self._channel}".encode())
            self._heard(None)
            async for notice in connection.notifies():
                if not notice.payload.startswith("proof:"):
                    self._heard(notice.payload)
                elif notice.payload.startswith(self._proof):
                    sent_at = float(notice.payload.removeprefix(self._proof))
                    self._sure_until = sent_at + self.SURE_SECONDS

    async def _prove_for_ever(self) -> None:
        def prove() -> None:
            announce(self._channel, f"{self._proof}{time.monotonic()}")

        while True:
            try:
                await in_thread(prove)
            except (Error, psycopg.Error):
                await asyncio.sleep(_FAIL_FAST_SECONDS)
            await asyncio.sleep(self.PROVE_SECONDS)


async def connect() -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """Open an autocommit connection; the caller owns it.

    A pooler would refuse ``BRIEF`` here, or forget it: core/statement.py sends it with each
    statement. Raises ``psycopg.OperationalError`` when the database does not answer within 2
    seconds.
    """
    parameters = connections["default"].get_connection_params()
    for key in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(key, None)
    is_pooled = settings.DATABASE_TRANSACTION_POOLER
    if not is_pooled:
        brief = " ".join(f"-c {name}={value}" for name, value in BRIEF.items())
        parameters["options"] = f"{parameters.get('options', '')} {brief}".strip()
    return await psycopg.AsyncConnection.connect(
        **{**parameters, **_IMPATIENT},
        autocommit=True,
        prepare_threshold=None if is_pooled else 1,
    )
