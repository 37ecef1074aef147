"""Doors to PostgreSQL for async code, which Django's own connections do not serve well.

``in_thread`` runs a piece of synchronous ORM code off the event loop and gives its connection
back at once. ``connect`` opens a raw psycopg connection to the very database Django uses.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="orm")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run synchronous ORM code in a worker thread; its database connection is not kept."""

    def call() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_threads, copy_context().run, call)


async def connect() -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """Open an autocommit connection; the caller owns it.

    Raises ``psycopg.OperationalError`` when the database does not answer within 5 seconds.
    """
    settings = connections["default"].get_connection_params()
    for key in ("cursor_factory", "context", "prepare_threshold"):
        settings.pop(key, None)
    return await psycopg.AsyncConnection.connect(
        **{**settings, "connect_timeout": 5}, autocommit=True, prepare_threshold=1
    )
