"""Prometheus metrics of the ledger."""

from collections.abc import Iterator

from django.db import connection
from prometheus_client.core import GaugeMetricFamily, Metric

from core.instruments import Counter, Gauge, Histogram

BATCH_SIZE = Histogram(
    "tokengate_ledger_batch_size",
    "Callers that shared a statement.",
    ("function",),
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
BATCH_SECONDS = Histogram(
    "tokengate_ledger_batch_seconds",
    "Duration of a statement, including its commit.",
    ("function",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)

LIMITS_HIT = Counter(
    "tokengate_limits_hit_total", "Requests refused by a limit of the plan or the key.", ("limit",)
)
RUNNING = Gauge(
    "tokengate_requests_running",
    "Requests with a reservation, from it to their settlement.",
    multiprocess_mode="livesum",
)
SPOOLED = Counter(
    "tokengate_spooled_settlements_total",
    "Charges of dead workers, by result; refused ones need the operator.",
    ("outcome",),
)

_CONNECTIONS = """
    SELECT CASE state WHEN 'active' THEN 'active' WHEN 'idle' THEN 'idle'
                      ELSE 'in transaction' END, count(*)
      FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' GROUP BY 1
"""
_HELD = """
    SELECT count(*), COALESCE(sum(amount), 0),
           count(*) FILTER (WHERE expires_at < clock_timestamp())
      FROM tokens_reservation WHERE state = 'held'
"""


def stored() -> Iterator[Metric]:
    """Collects the held reservations. Old overdue ones mean that no periodic task runs."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD)
        holds, tokens, overdue = cursor.fetchone()
        cursor.execute(_CONNECTIONS)
        connections = {"active": 0, "idle": 0, "in transaction": 0, **dict(cursor.fetchall())}
    for name, text, value in (
        ("reservations_open", "Requests that hold tokens.", holds),
        ("reservations_overdue", "Reservations past their deadline, not expired yet.", overdue),
        ("tokens_held", "Tokens reserved for running requests.", tokens),
    ):
        yield GaugeMetricFamily(f"tokengate_{name}", text, value=int(value))
    family = GaugeMetricFamily(
        "tokengate_database_connections",
        "Connections of all servers to this database.",
        labels=["state"],
    )
    for state, number in connections.items():
        family.add_metric([state], number)
    yield family
