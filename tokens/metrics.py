"""What operators see of the ledger, in Prometheus."""

from collections.abc import Iterator

from django.db import connection
from prometheus_client.core import GaugeMetricFamily, Metric

from config.instruments import Histogram

BATCH_SIZE = Histogram(
    "tokengate_ledger_batch_size",
    "Callers that shared a statement.",
    ("function",),
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
BATCH_SECONDS = Histogram(
    "tokengate_ledger_batch_seconds",
    "How long a statement took, to its commit.",
    ("function",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

_HELD = """
    SELECT count(*), COALESCE(sum(amount), 0),
           count(*) FILTER (WHERE expires_at < clock_timestamp())
      FROM tokens_reservation WHERE state = 'held'
"""


def stored() -> Iterator[Metric]:
    """Tell what is held now; holds that are overdue for long mean that nobody sweeps."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD)
        holds, tokens, overdue = cursor.fetchone()
    for name, text, value in (
        ("reservations_open", "Requests that hold tokens.", holds),
        ("reservations_overdue", "Holds past their deadline, not freed yet.", overdue),
        ("tokens_held", "Tokens held for running requests.", tokens),
    ):
        yield GaugeMetricFamily(f"tokengate_{name}", text, value=int(value))
