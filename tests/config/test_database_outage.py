"""After an outage of PostgreSQL the first failure is the last one."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from django.db import OperationalError, connection, connections

from core import database

pytestmark = pytest.mark.django_db(transaction=True)

_MANY = 8


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def pooled() -> list[int]:
    """Leave many connections in the pool, and return their backends."""
    together = Barrier(_MANY)

    def one() -> int:
        pid = backend()
        together.wait(timeout=60)
        connections.close_all()
        return pid

    with ThreadPoolExecutor(_MANY) as threads:
        futures = [threads.submit(one) for _ in range(_MANY)]
        return [future.result() for future in futures]


def test_every_dead_connection_goes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    backend()  # this thread's own, which stays out of the pool meanwhile
    lost = pooled()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid", [lost])
    connection.close()

    async def story() -> int:
        try:
            return await database.in_thread(backend)
        except OperationalError:
            monkeypatch.setattr(database._away, "until", 0.0)
            return await database.in_thread(backend)

    assert asyncio.run(story()) not in lost


def patiently() -> int:
    """Do as ``backend``; on a busy machine, the pool may need longer than it waits to connect."""
    for _ in range(60):
        with contextlib.suppress(OperationalError):
            return backend()
    return backend()


def test_a_pool_that_is_only_busy_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database._away, "until", 0.0)
    size = connection.settings_dict["OPTIONS"]["pool"]["max_size"]
    backend()  # this thread's own is one of them
    together, over = Barrier(size), Event()

    def work() -> int:
        pid = patiently()
        together.wait(timeout=60)
        over.wait(timeout=60)
        connections.close_all()
        return pid

    with ThreadPoolExecutor(size) as threads:
        working = [threads.submit(work) for _ in range(size - 1)]
        together.wait(timeout=60)
        with pytest.raises(OperationalError):
            asyncio.run(database.in_thread(backend))
        over.set()
        busy = [future.result() for future in working]

    monkeypatch.setattr(database._away, "until", 0.0)
    assert asyncio.run(database.in_thread(backend)) in busy


async def test_a_statement_that_is_refused_makes_nobody_else_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database._away, "until", 0.0)

    def too_slow() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 1; SELECT pg_sleep(1)")

    with pytest.raises(OperationalError):
        await database.in_thread(too_slow)

    assert await database.in_thread(backend)
