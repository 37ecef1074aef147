"""What every request is counted by, for Prometheus: ground, knows no app.

Counters and histograms are made of the classes that this module has, and their children looked up
by ``of``: so counting stays cheap where workers share the figures.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from prometheus_client import Counter, Gauge, Histogram, values

__all__ = ["Counter", "Gauge", "Histogram", "of", "request_timer"]

Metric = TypeVar("Metric", Counter, Gauge, Histogram)

_process = [os.getpid()]
os.register_at_fork(after_in_child=lambda: _process.__setitem__(0, os.getpid()))
if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    # By default it asks the system at every count which process this is.
    values.ValueClass = values.MultiProcessValue(lambda: _process[0])  # type: ignore[no-untyped-call]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

REQUESTS = Histogram(
    "tokengate_request_seconds",
    "Requests by route, method and status; a stream ends with its head.",
    ("route", "method", "status"),
    buckets=_SECONDS,
)
ERRORS = Counter("tokengate_errors_total", "Error answers by their code.", ("code",))


@lru_cache(maxsize=2048)
def request_timer(route: str, method: str, status: int) -> Callable[[float], None]:
    """Return where the seconds of such a request are noted. Looking the labels up is dear."""
    return REQUESTS.labels(route, method, str(status)).observe


@lru_cache(maxsize=2048)
def of(metric: Metric, *labels: str) -> Metric:
    """Return what counts for these labels."""
    return metric.labels(*labels)
