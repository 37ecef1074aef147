"""Prometheus metrics of the ledger."""

from collections.abc import Iterator
from contextlib import suppress

from django.conf import settings
from django.db import connection
from prometheus_client.core import GaugeMetricFamily, Metric

from core.database import at_most
from core.instruments import Counter, Histogram

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
           count(*) FILTER (WHERE expires_at < clock_timestamp()),
           GREATEST(0, EXTRACT(epoch FROM clock_timestamp() - min(expires_at)))
      FROM tokens_reservation WHERE state = 'held'
"""
# More than so many are not counted.
_PROVISIONAL = """
    SELECT count(*), GREATEST(0, EXTRACT(epoch FROM clock_timestamp() - min(created_at)))
      FROM (SELECT created_at FROM tokens_usagerecord WHERE NOT final
             ORDER BY created_at LIMIT 100000) AS oldest
"""
# PostgreSQL shows them to whoever has pg_read_all_stats; without it there are no figures. The lag
# of a standby that has replayed everything is null.
_STANDBYS = """
    SELECT application_name, COALESCE(EXTRACT(epoch FROM max(replay_lag)), 0),
           max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))
      FROM pg_stat_replication
     WHERE replay_lsn IS NOT NULL GROUP BY 1
"""


def stored() -> Iterator[Metric]:
    """Collects the held reservations. Old overdue ones mean that no periodic task runs."""
    with at_most(seconds=2), connection.cursor() as cursor:
        cursor.execute(_HELD)
        holds, tokens, overdue, overdue_seconds = cursor.fetchone()
        cursor.execute(_CONNECTIONS)
        connections = {"active": 0, "idle": 0, "in transaction": 0, **dict(cursor.fetchall())}
    for name, text, value in (
        ("reservations_open", "Requests that hold tokens.", holds),
        ("reservations_overdue", "Reservations past their deadline, not expired yet.", overdue),
        ("reservations_overdue_seconds", "For how long the oldest of them is.", overdue_seconds),
        ("tokens_held", "Tokens reserved for running requests.", tokens),
    ):
        yield _single(name, text, value)
    family = GaugeMetricFamily(
        "tokengate_database_connections",
        "Connections of all servers to this database.",
        labels=["state"],
    )
    for state, number in connections.items():
        family.add_metric([state], number)
    yield family


def reconciliation() -> Iterator[Metric]:
    """Collects how many receipts wait for the provider's final usage, and the oldest's age."""
    with at_most(seconds=2), connection.cursor() as cursor:
        cursor.execute(_PROVISIONAL)
        waiting, seconds = cursor.fetchone()
    yield _single("receipts_provisional", "Receipts that wait for the final usage.", waiting)
    yield _single("reconciliation_age_seconds", "The age of the oldest of them.", seconds)


def replication() -> Iterator[Metric]:
    """Collects how far the standbys of the database are behind it."""
    with at_most(seconds=2), connection.cursor() as cursor:
        cursor.execute(_STANDBYS)
        standbys = cursor.fetchall()
    seconds = GaugeMetricFamily(
        "tokengate_replication_lag_seconds",
        "How far a standby is behind, by the last WAL that it has replayed.",
        labels=["standby"],
    )
    size = GaugeMetricFamily(
        "tokengate_replication_lag_bytes",
        "WAL that a standby has not replayed.",
        labels=["standby"],
    )
    for name, lag, behind in standbys:
        seconds.add_metric([name], float(lag))
        size.add_metric([name], float(behind))
    yield from (seconds, size)


def spooled() -> Iterator[Metric]:
    """Collects what is in this server's spool: files of workers, and refused settlements."""
    folder, size, refused = settings.SETTLEMENT_SPOOL, 0, 0
    with suppress(FileNotFoundError):  # No worker has started yet.
        for file in folder.iterdir():
            with suppress(FileNotFoundError):  # Its worker was faster.
                if file.suffix == ".refused":
                    refused += file.read_bytes().count(b"\n")
                else:
                    size += file.stat().st_size
    yield _single("spool_bytes", "Settlements that are kept on this server's disk.", size)
    yield _single("spool_refused", "Settlements that the ledger refused.", refused)


def _single(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tokengate_{name}", text, value=float(value or 0))
