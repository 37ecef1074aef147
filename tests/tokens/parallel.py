"""Running work in threads that each have a database connection."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

WORKERS = 8


def in_parallel(work: Callable[[int], int], times: int) -> list[int]:
    """Run in threads that each have a connection of their own."""

    def alone(number: int) -> int:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(alone, range(times)))
