"""What every request is counted by, for Prometheus: ground, knows no app."""

from collections.abc import Callable
from functools import lru_cache

from prometheus_client import Counter, Histogram

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
