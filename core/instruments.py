"""Prometheus metrics of every request. Imports no app.

Create counters and histograms with the classes of this module, and look up their children with
``of``, so that counting is cheap in multiprocess mode.
"""

import asyncio
import os
from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar

from prometheus_client import Counter, Gauge, Histogram, values

__all__ = ["Counter", "Gauge", "Histogram", "of", "request_timer"]

Metric = TypeVar("Metric", Counter, Gauge, Histogram)

_process = [os.getpid()]
os.register_at_fork(after_in_child=lambda: _process.__setitem__(0, os.getpid()))
# By default it asks the system at every count which process this is.
_Shared: Any = values.MultiProcessValue(lambda: _process[0])  # type: ignore[no-untyped-call]


class _Value(_Shared):  # type: ignore[misc]
    """What one child counts, in a file that all workers share.

    The counts of one turn of an event loop are written together: of a request there are nine, and
    a busy worker ends a dozen requests in a turn. What comes from elsewhere is written at once.
    """

    def inc(self, amount: float) -> None:
        with _lock:
            if _counted or _will_be_written():
                _counted[self] = _counted.get(self, 0.0) + amount
                return
        super().inc(amount)


_counted: dict[_Value, float] = {}
_lock = Lock()
if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    values.ValueClass = _Value


def _will_be_written() -> bool:
    loop = asyncio._get_running_loop()  # noqa: SLF001 - never raises
    if loop:
        loop.call_soon(_write)
    return loop is not None


def _write() -> None:
    with _lock:
        counted = _counted.copy()
        _counted.clear()
    for value, amount in counted.items():
        super(_Value, value).inc(amount)


_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

REQUESTS = Histogram(
    "tokengate_request_seconds",
    "Request latency by route, method and status; for a stream, until its headers.",
    ("route", "method", "status"),
    buckets=_SECONDS,
)
ERRORS = Counter("tokengate_errors_total", "Error responses by code.", ("code",))


@lru_cache(maxsize=2048)
def request_timer(route: str, method: str, status: int) -> Callable[[float], None]:
    """Return where the seconds of such a request are noted. Looking the labels up is dear."""
    return REQUESTS.labels(route, method, str(status)).observe


@lru_cache(maxsize=2048)
def of(metric: Metric, *labels: str) -> Metric:
    """Return what counts for these labels."""
    return metric.labels(*labels)
