"""Doors to PostgreSQL for async code, which Django's own connections do not serve well.

``in_thread`` runs a piece of synchronous ORM code off the event loop and gives its connection
back at once. ``connect`` opens a raw psycopg connection to the very database Django uses.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.db import OperationalError, connections

P = ParamSpec("P")
T = TypeVar("T")

# A locked row or a server that hangs must not hold up everybody.
_IMPATIENT = {
    "connect_timeout": 2,
    "options": "-c lock_timeout=1000 -c statement_timeout=5000",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
_FAIL_FAST_SECONDS = 1.0

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="orm")


class _Away:
    """Until when the database is taken to be away."""

    until = 0.0


_away = _Away()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run synchronous ORM code in a worker thread; its database connection is not kept.

    Raises ``OperationalError`` at once for a second after another call has met with one: while
    the database is away, nobody queues up for it.
    """

    def call() -> T:
        if time.monotonic() < _away.until:
            raise OperationalError("the database was away a moment ago")
        try:
            return function(*args, **kwargs)
        except (OperationalError, psycopg.OperationalError):
            _away.until = time.monotonic() + _FAIL_FAST_SECONDS
            raise
        finally:
            connections.close_all()

    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, copy_context().run, call)


def announce(channel: str) -> None:
    """Tell every process that listens, once the running transaction is committed."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [channel])


async def listen(channel: str, heard: Callable[[], None]) -> None:
    """Call back for each announcement, for ever, and also when some may have been missed.

    Behind a transaction pooler announcements do not arrive.
    """
    while True:
        try:
            async with await connect() as connection:
                await connection.execute(f"LISTEN {channel}".encode())
                heard()
                async for _ in connection.notifies():
                    heard()
        except psycopg.Error:
            await asyncio.sleep(_FAIL_FAST_SECONDS)


async def connect() -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """Open an autocommit connection; the caller owns it.

    Raises ``psycopg.OperationalError`` when the database does not answer within 2 seconds.
    """
    settings = connections["default"].get_connection_params()
    for key in ("cursor_factory", "context", "prepare_threshold"):
        settings.pop(key, None)
    return await psycopg.AsyncConnection.connect(
        **{**settings, **_IMPATIENT}, autocommit=True, prepare_threshold=1
    )
