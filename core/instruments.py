"""Prometheus metrics of every request. Imports no app.

Create counters and histograms with the classes of this module, and look up their children with
``of``, so that counting is cheap in multiprocess mode.
"""

import asyncio
import os
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from threading import get_ident
from typing import Any, TypeVar

import prometheus_client
from prometheus_client import Gauge, values

__all__ = [
    "Counter",
    "Gauge",
    "Histogram",
    "of",
    "request_timer",
    "write",
    "write_at_once",
    "write_together",
]


class Counter(prometheus_client.Counter):
    """Prometheus's counter, without checks of what is counted: the amount is never negative."""

    def inc(self, amount: float = 1, exemplar: dict[str, str] | None = None) -> None:
        if get_ident() == _batch.thread:
            sums = _batch.sums or _batch.begun()
            sums[self._value] += amount
        else:
            self._value.inc(amount)


class Histogram(prometheus_client.Histogram):
    """Prometheus's histogram; it looks a bucket up where the original tries each."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        bucket = self._buckets[bisect_left(self._upper_bounds, amount)]
        if get_ident() == _batch.thread:
            sums = _batch.sums or _batch.begun()
            sums[self._sum] += amount
            sums[bucket] += 1
        else:
            self._sum.inc(amount)
            bucket.inc(1)


Metric = TypeVar("Metric", Counter, Gauge, Histogram)

_process = [os.getpid()]
os.register_at_fork(after_in_child=lambda: _process.__setitem__(0, os.getpid()))
if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    # By default it asks the system at every count which process this is.
    values.ValueClass = values.MultiProcessValue(lambda: _process[0])  # type: ignore[no-untyped-call]

# A web worker writes the counts of a tenth of a second together, into the file that all workers
# share: a request has seventeen, and writing one takes five calls. A scrape writes those of its own
# worker first. Other processes, such as Celery's, and other threads write each count at once.
_PAUSE = 0.1  # seconds
_PATIENCE = 1.0


class _Batch:
    """The counts of a web worker's event loop that are not written yet. Only its thread uses it.

    A look at the thread takes a third of one at the running loop, which asks the system.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread = 0  # no thread's
        self.sums: defaultdict[Any, float] = defaultdict(float)

    def begun(self) -> defaultdict[Any, float]:
        """Return the sums, which are empty, and write them in a moment."""
        asyncio.get_running_loop().call_later(_PAUSE, self.write)
        return self.sums

    def write(self) -> None:
        sums, self.sums = self.sums, defaultdict(float)
        for value, amount in sums.items():
            value.inc(amount)


_batch = _Batch()


def write_together(loop: asyncio.AbstractEventLoop) -> None:
    """Write what is counted on this loop, which serves requests, once in a while only."""
    _batch.loop, _batch.thread = loop, get_ident()


def write_at_once() -> None:
    """Write what was counted, and from now on each count: the loop is about to end."""
    _batch.loop, _batch.thread = None, 0
    _batch.write()


def write() -> None:
    """Write what was counted until now. Another thread than the loop's waits until it has."""
    loop = _batch.loop
    if loop is None or get_ident() == _batch.thread:
        _batch.write()
        return

    async def written() -> None:
        _batch.write()

    with suppress(TimeoutError, RuntimeError):  # The loop is busy for long, or has ended.
        asyncio.run_coroutine_threadsafe(written(), loop).result(_PATIENCE)


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
