"""The outbox: which receipts have changed since they were copied.

Triggers (``tokens/sql/analytics.sql``) write it in the transaction of a change. A row is deleted
when ClickHouse has stored what it is about. So there is no place up to which everything was read,
which a transaction that commits late would be behind: what is there is not copied yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import F
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from core.database import at_most
from tokens.models import AnalyticsFeed
from tokens.usage.partitions import patiently

_TRIGGERS = (
    ("tokens_usagerecord", "receipts_noted_inserted"),
    ("tokens_usagerecord", "receipts_noted_updated"),
    ("tokens_usagerecord", "receipts_noted_deleted"),
    ("tokens_adjustment", "plans_noted"),
)
_ENABLED = "SELECT count(*) FROM pg_trigger WHERE tgname = ANY(%s) AND tgenabled <> 'D'"
# More than so many are not counted.
_COUNTED = 1_000_000
_WAITING = f"""
    SELECT count(*) FROM (SELECT FROM tokens_receiptchange LIMIT {_COUNTED}) AS waiting
"""  # noqa: S608 - of a constant

# Receipts that are written after this has begun are noted themselves, and copied with the new plan.
_RECEIPTS_OF_PLANS = """
    WITH changes AS (
        DELETE FROM tokens_receiptchange WHERE receipt IS NULL RETURNING user_id, since, noted_at
    )
    INSERT INTO tokens_receiptchange (receipt, noted_at)
    SELECT r.id, min(c.noted_at) FROM changes c
      JOIN tokens_usagerecord r ON r.user_id = c.user_id AND r.created_at >= c.since
     GROUP BY r.id
"""
_NEXT = """
    SELECT id, receipt, user_id, since FROM tokens_receiptchange
     WHERE receipt IS NOT NULL ORDER BY id LIMIT %s
"""


@dataclass(frozen=True)
class Deleted:
    """A provisional receipt that was deleted, as far as the copy must know it."""

    receipt: UUID
    user_id: int
    created_at: datetime


@dataclass(frozen=True)
class Changes:
    """The next changes: of which receipts, and the rows of the outbox to be forgotten then."""

    rows: list[int]
    receipts: list[UUID]
    deleted: dict[UUID, Deleted]
    """By id. A receipt that exists again is not deleted."""


def start() -> None:
    """Begin to note every change, unless they are noted; then all receipts are to be copied.

    When this returns, no transaction is running that has changed a receipt without noting it.
    Raises ``partitions.InUse`` if the tables are in use for too long.
    """

    def begin(cursor: Any) -> bool:
        _switch(cursor, "ENABLE")
        AnalyticsFeed.objects.get_or_create(
            id=1, defaults={"identity": uuid4(), "started_at": timezone.now()}
        )
        start_over()
        return True

    if not _is_noting():
        patiently(begin)


def _is_noting() -> bool:
    """Return whether there is a feed, and a new or restored table has its triggers enabled."""
    with connection.cursor() as cursor:
        cursor.execute(_ENABLED, [[trigger for _, trigger in _TRIGGERS]])
        enabled = cursor.fetchone()[0]
    return enabled == len(_TRIGGERS) and AnalyticsFeed.objects.exists()


def start_over() -> None:
    """Have all receipts copied again. What batches that are on their way store does not count."""
    AnalyticsFeed.objects.update(
        is_copied=False, copied_to=None, copy_run=F("run"), acknowledged=0, fed_until=None
    )


def stop() -> None:
    """Note no more changes, and forget those that are not copied. Can be repeated.

    Raises ``partitions.InUse`` as ``start`` does.
    """

    def end(cursor: Any) -> bool:
        _switch(cursor, "DISABLE")
        cursor.execute("TRUNCATE tokens_receiptchange")
        AnalyticsFeed.objects.all().delete()
        return True

    patiently(end)


def _switch(cursor: Any, verb: str) -> None:
    """Wait for the writers of the tables, and have those that follow fire the triggers, or not."""
    for table, trigger in _TRIGGERS:
        cursor.execute(f"ALTER TABLE ONLY {table} {verb} TRIGGER {trigger}")


def expand_plans() -> None:
    """Replace each change of a plan by the receipts that it changes."""
    with connection.cursor() as cursor:
        cursor.execute(_RECEIPTS_OF_PLANS)


def following(at_most: int) -> Changes:
    """Return the next changes, oldest first. They stay until they are forgotten."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [at_most])
        found = cursor.fetchall()
    return Changes(
        rows=[row for row, *_ in found],
        receipts=list({receipt for _, receipt, *_ in found}),
        deleted={
            receipt: Deleted(receipt, user_id, since)
            for _, receipt, user_id, since in found
            if user_id is not None
        },
    )


def forget(rows: list[int]) -> None:
    """Delete changes that are copied. Can be repeated."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tokens_receiptchange WHERE id = ANY(%s)", [rows])


def stored() -> Iterator[Metric]:
    """Collects how far the feed is behind, for Prometheus; without a feed there are no figures."""
    lag = GaugeMetricFamily(
        "tokengate_analytics_lag_seconds",
        "How old the last moment is of which ClickHouse has everything.",
        labels=[],
    )
    waiting = GaugeMetricFamily(
        "tokengate_analytics_waiting", "Changes that are not in ClickHouse yet.", labels=[]
    )
    with at_most(seconds=2):
        feed = AnalyticsFeed.objects.first()
        if feed is not None:
            behind = timezone.now() - (feed.fed_until or feed.started_at)
            lag.add_metric([], max(0.0, behind.total_seconds()))
            with connection.cursor() as cursor:
                cursor.execute(_WAITING)
                waiting.add_metric([], cursor.fetchone()[0])
    yield from (lag, waiting)
