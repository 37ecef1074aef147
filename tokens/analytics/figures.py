"""Sums of the usage of all users, read from ClickHouse. They equal those of ``tokens.usage``."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.utils import timezone

from core.instruments import Counter, of
from tokens.analytics import warehouse
from tokens.analytics.copied import SUMMED
from tokens.models import AnalyticsFeed
from tokens.periods import midnight
from tokens.usage.by_user import TopBy, UserTotals
from tokens.usage.latency import BOUNDS
from tokens.usage.totals import DayTotals, Dimension, KeyTotals

log = structlog.get_logger("tokengate.tokens")

FRESH = timedelta(minutes=5)
"""An older copy is not read."""
READS = Counter(
    "tokengate_analytics_reads_total",
    "Pages that may read from ClickHouse, by whether they did.",
    ("outcome",),
)
_AWAY_SECONDS = 30.0

_KEYS: dict[Dimension, str] = {
    "all": "''",
    "model": "model",
    "provider": "provider",
    "plan": "plan",
}
_TOKENS = ", ".join(f"sum({name}) AS {name}" for name in SUMMED)
_FIGURES = f"""
    count() AS requests, countIf(status IN ('failed', 'abandoned')) AS errors, {_TOKENS},
    sum(ifNull(cost, 0)) AS cost
"""
_OF_PERIOD = f"FROM {warehouse.RECEIPTS} FINAL WHERE {warehouse.OF_PERIOD}"
_NAMES = ("requests", "errors", *SUMMED, "cost")


class _State:
    """Until when ClickHouse is taken to be away, so that nobody waits for it."""

    away_until = 0.0


_state = _State()


@dataclass(frozen=True)
class ClickHouseUsage:
    """The sums that ClickHouse has. ``until`` is exclusive everywhere.

    Every method raises ``warehouse.Unavailable`` if ClickHouse has gone; for half a minute
    ``current`` returns None then.
    """

    as_of: datetime
    """The figures have every request whose record had been committed then."""
    covers_from: date | None
    """The first day that ClickHouse has; None: all."""

    def covers(self, since: date) -> bool:
        """Return whether ClickHouse has every day from this one on."""
        return self.covers_from is None or since >= self.covers_from

    def by_day(self, dimension: Dimension, *, since: date, until: date) -> list[DayTotals]:
        """Return a row for each day and key with a request, ordered by day and key."""
        groups = f"toDate(created_at) AS day, {_KEYS[dimension]} AS key"
        latencies = _latencies(groups, "day, key", since, until)
        rows = _rows(
            f"SELECT {groups}, uniqExact(user_id) AS users, {_FIGURES} {_OF_PERIOD}"
            " GROUP BY day, key ORDER BY day, key",
            since,
            until,
        )
        return [
            DayTotals(
                day=day,
                key=key,
                users=users,
                latency=_counts(latencies, (day, key)),
                **_named(sums),
            )
            for day, key, users, *sums in rows
        ]

    def by_key(self, dimension: Dimension, *, since: date, until: date) -> list[KeyTotals]:
        """Return a row for each key with a request: the sums of all days, largest charge first."""
        groups = f"{_KEYS[dimension]} AS key"
        latencies = _latencies(groups, "key", since, until)
        rows = _rows(
            f"SELECT {groups}, {_FIGURES} {_OF_PERIOD} GROUP BY key ORDER BY charged DESC, key",
            since,
            until,
        )
        return [
            KeyTotals(key=key, users=None, latency=_counts(latencies, (key,)), **_named(sums))
            for key, *sums in rows
        ]

    def active_users(self, *, since: date, until: date) -> int:
        """Count the users with a request."""
        [(number,)] = _rows(f"SELECT uniqExact(user_id) {_OF_PERIOD}", since, until)
        return int(number)

    def top_users(
        self, *, since: date, until: date, at_most: int, by: TopBy = "charged"
    ) -> list[UserTotals]:
        """Return the users with the largest charges or costs, largest first."""
        rows = _rows(
            "SELECT user_id, count() AS requests, sum(charged) AS charged,"
            f" sum(ifNull(cost, 0)) AS cost {_OF_PERIOD}"
            f" GROUP BY user_id ORDER BY {by} DESC, user_id LIMIT {at_most:d}",
            since,
            until,
        )
        return [UserTotals(*row) for row in rows]


def current() -> ClickHouseUsage | None:
    """Return what ClickHouse has, if CLICKHOUSE_URL is set and its copy is complete and fresh."""
    if not settings.CLICKHOUSE_URL:
        return None
    outcome, found = _current()
    of(READS, outcome).inc()
    return found


def _current() -> tuple[str, ClickHouseUsage | None]:
    if time.monotonic() < _state.away_until:
        return "away", None
    feed = AnalyticsFeed.objects.first()
    if feed is None or not feed.is_copied or feed.fed_until is None:
        return "incomplete", None
    if timezone.now() - feed.fed_until > FRESH:
        return "late", None
    try:
        runs = warehouse.fed().runs
    except warehouse.Unavailable as error:
        _leave_out(error)
        return "away", None
    if not _has_all(feed, runs):
        return "incomplete", None
    return "used", ClickHouseUsage(feed.fed_until, feed.covers_from)


def _has_all(feed: AnalyticsFeed, runs: dict[UUID, int]) -> bool:
    """Return whether the tables are this feed's, and neither was restored from a backup."""
    if [*runs] != [feed.identity] or runs[feed.identity] < feed.acknowledged:
        return False
    if runs[feed.identity] > feed.run:  # or a batch was stored meanwhile
        feed.refresh_from_db(fields=["run"])
    return runs[feed.identity] <= feed.run


def forget_outage() -> None:
    """Try ClickHouse again at once."""
    _state.away_until = 0.0


def _leave_out(error: Exception) -> None:
    """Read from PostgreSQL only, for a while."""
    _state.away_until = time.monotonic() + _AWAY_SECONDS
    log.warning("clickhouse_not_read", error=str(error))


def _rows(statement: str, since: date, until: date) -> list[tuple[Any, ...]]:
    try:
        return warehouse.query(statement, start=midnight(since), end=midnight(max(since, until)))
    except warehouse.Unavailable as error:
        _leave_out(error)
        raise


def _named(sums: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(_NAMES, sums, strict=True))


_Buckets = Sequence[tuple[int, int]]


def _latencies(
    groups: str, names: str, since: date, until: date
) -> dict[tuple[Any, ...], _Buckets]:
    """Count the answered requests of each group by bucket: faster than with the other sums."""
    counted = (
        f"SELECT {groups}, bucket, count() AS requests {_OF_PERIOD} AND status = 'ok'"
        f" GROUP BY {names}, bucket"
    )
    statement = f"SELECT {names}, groupArray((bucket, requests)) FROM ({counted}) GROUP BY {names}"  # noqa: S608 - of fixed texts
    rows = _rows(statement, since, until)
    return {tuple(key): buckets for *key, buckets in rows}


def _counts(found: dict[tuple[Any, ...], _Buckets], key: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the number of each bucket, which PostgreSQL counts from 1."""
    counts = dict(found.get(key, ()))
    return tuple(int(counts.get(number + 1, 0)) for number in range(len(BOUNDS)))
