"""Running work in threads that each have a database connection."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

WORKERS = 8
T = TypeVar("T")


def in_parallel(work: Callable[[int], T], times: int) -> list[T]:
    """Run in threads that each have a connection of their own."""

    def alone(number: int) -> T:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(alone, range(times)))


def somebody_waits() -> bool:
    """Tell whether a transaction waits for another one to end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone() is not None
