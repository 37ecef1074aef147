"""Running the same thing at the same time, in threads with database connections of their own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connections

T = TypeVar("T")


def race(action: Callable[[], T], *, runners: int = 8) -> list[T]:
    """Start all the runners at once; return what each got."""
    start = Barrier(runners, timeout=120)

    def run() -> T:
        try:
            connections["default"].ensure_connection()
            start.wait()
            return action()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(runners) as threads:
        futures = [threads.submit(run) for _ in range(runners)]
        return [future.result() for future in futures]
