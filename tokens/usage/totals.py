"""Sums of all users by day: in total, by model, by provider and by plan. They are for staff.

Queries read the sums of closed days (``DailyTotal``), which are final. Days that may still change
are read from their records if there are few, else from their last sums: ``Coverage`` tells as of
when. Latencies include only answered requests, as counts (``tokens.usage.latency``).

A user's plan on a day is the plan at its end. It is read from the adjustments: the current plan, or
if it changed since, the last plan that began before the end of the day.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from django.db import connections, router

from tokens.models import Aggregation, UsageRecord
from tokens.periods import midnight
from tokens.tiers import DEFAULT_TIER
from tokens.usage.latency import BOUNDS, Percentiles, percentiles

Dimension = Literal["all", "model", "provider", "plan"]


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Sums of requests. Without arguments these are the sums of no request."""

    requests: int = 0
    errors: int = 0
    """Requests that the providers failed."""
    users: int | None = 0
    """Who had a request; None where several days were summed, whose users cannot be added up."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    charged: int = 0
    """Tokens of the users' balances."""
    cost: Decimal = Decimal(0)
    """USD, as reported by the provider, or else computed from its prices."""
    latency: tuple[int, ...] = (0,) * len(BOUNDS)
    """Answered requests by duration, in the buckets of ``tokens.usage.latency``."""

    @property
    def latency_ms(self) -> Percentiles:
        return percentiles(self.latency)


def added(rows: Sequence[Totals]) -> Totals:
    """Return the sums of some rows, such as the days of a week."""
    if not rows:
        return Totals()
    return Totals(
        users=None,
        latency=tuple(map(sum, zip(*(row.latency for row in rows), strict=True))),
        **{name: sum(getattr(row, name) for row in rows) for name in _FIGURES},
    )


@dataclass(frozen=True, kw_only=True)
class DayTotals(Totals):
    """The sums of one day (UTC) for one key of a dimension."""

    day: date
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class KeyTotals(Totals):
    """The sums of several days for one model, provider or plan; "" or None: for all of them."""

    key: str | None = ""


_KEYS: dict[Dimension, str] = {
    "all": "''",
    "model": "u.model",
    "provider": "u.provider",
    "plan": "p.plan",
}
PLANS = """
    JOIN (
        SELECT d.day, d.user_id, CASE
               WHEN b.tier_id IS NOT NULL AND NOT EXISTS (
                   SELECT FROM tokens_adjustment a
                    WHERE a.user_id = d.user_id AND a.created_at >= d.ends
                      AND (a.kind = 'tier' OR a.kind = 'renewal' AND a.amount <> 0)
               ) THEN b.tier_id
               ELSE COALESCE((
                   SELECT a.tier_id FROM tokens_adjustment a
                    WHERE a.user_id = d.user_id AND a.created_at < d.ends
                      AND (a.kind = 'tier' OR a.kind = 'renewal' AND a.amount <> 0)
                    ORDER BY a.created_at DESC, a.id DESC LIMIT 1
               ), %(free)s) END AS plan
          FROM (
              SELECT DISTINCT day, user_id, (day + 1)::timestamp AT TIME ZONE 'UTC' AS ends
                FROM used
          ) d LEFT JOIN tokens_balance b ON b.user_id = d.user_id
    ) p ON p.day = u.day AND p.user_id = u.user_id
"""
_USED = """
    SELECT (created_at AT TIME ZONE 'UTC')::date AS day, user_id, model, provider, status,
           prompt_tokens, completion_tokens, cached_tokens, cache_write_tokens, reasoning_tokens,
           charged,
           COALESCE(upstream_cost, cost, 0) AS cost,
           width_bucket(duration_ms, %(bounds)s::int[]) AS bucket
      FROM tokens_usagerecord
     WHERE created_at >= %(start)s AND created_at < %(end)s
"""
_COUNTED = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "charged",
)
_FIGURES = ("requests", "errors", *_COUNTED, "cost")
_TYPES = {"cost": "numeric"}
_TOKENS = ", ".join(f"u.{name}" for name in _COUNTED)
_TOKEN_SUMS = ", ".join(f"sum({name}) AS {name}" for name in _COUNTED)
_PEOPLE = """
    JOIN (
        SELECT day, dimension, key, count(*) AS users
          FROM (SELECT DISTINCT day, dimension, key, user_id FROM keyed) AS each GROUP BY 1, 2, 3
    ) AS people USING (day, dimension, key)
"""
COLUMNS = f"day, dimension, key, users, {', '.join(_FIGURES)}, latency"
_COUNTS = ", ".join(
    f"COALESCE(sum(latency[{number}]), 0)::bigint" for number in range(1, len(BOUNDS) + 1)
)


def of_records(dimensions: Iterable[Dimension] = tuple(_KEYS), *, users: bool = True) -> str:
    """Return a statement that sums records as rows of ``DailyTotal``: see ``parameters``.

    Counting users takes the most time. Without it, they are null.
    """
    chosen = list(dimensions)
    keys = ", ".join(f"('{name}', {_KEYS[name]})" for name in chosen)
    sums = ", ".join(f"sum({name})::{_TYPES.get(name, 'bigint')} AS {name}" for name in _FIGURES)
    return f"""
        WITH used AS ({_USED}), keyed AS (
            SELECT u.day, k.dimension, k.key, u.user_id, u.bucket, u.status, u.cost, {_TOKENS}
              FROM used u {PLANS if "plan" in chosen else ""}
              CROSS JOIN LATERAL (VALUES {keys}) AS k (dimension, key)
        ), cells AS (
            SELECT day, dimension, key, bucket, count(*) AS requests,
                   count(*) FILTER (WHERE status = 'ok') AS answered,
                   count(*) FILTER (WHERE status IN ('failed', 'abandoned')) AS errors,
                   {_TOKEN_SUMS}, sum(cost) AS cost
              FROM keyed GROUP BY 1, 2, 3, 4
        ), sums AS (
            SELECT day, dimension, key, {sums} FROM cells GROUP BY 1, 2, 3
        ), latencies AS (
            SELECT s.day, s.dimension, s.key,
                   array_agg(COALESCE(c.answered, 0) ORDER BY b.bucket) AS latency
              FROM sums s
              CROSS JOIN generate_series(1, {len(BOUNDS)}) AS b (bucket)
              LEFT JOIN cells c ON (c.day, c.dimension, c.key, c.bucket)
                                 = (s.day, s.dimension, s.key, b.bucket)
             GROUP BY 1, 2, 3
        )
        SELECT day, dimension, key, users, {", ".join(_FIGURES)}, latency
          FROM sums JOIN latencies USING (day, dimension, key)
               {_PEOPLE if users else "CROSS JOIN (VALUES (NULL::bigint)) AS uncounted (users)"}
    """  # noqa: S608 - of the fixed texts above


def parameters(start: datetime, end: datetime) -> dict[str, Any]:
    """Return the parameters of ``of_records`` for a period whose end is exclusive."""
    return {"start": start, "end": end, "bounds": BOUNDS, "free": DEFAULT_TIER}


@dataclass(frozen=True)
class Coverage:
    """Which days are read from their sums, and as of when the figures are.

    All figures of a page are read with one of these, within ``core.database.one_snapshot``, so that
    they agree with each other.
    """

    open_from: date
    """The first day whose records may still change. The sums before it are final."""
    sums_until: date
    """The first day that is read from the records: ``open_from``, or no day at all."""
    months_until: date
    """The first day that is in no sums by month."""
    as_of: datetime
    """The figures have all records that had been written then."""
    summed_at: datetime | None
    """When the last run of ``tokens.tasks.aggregate_usage`` began; None before the first."""

    @property
    def are_live(self) -> bool:
        """Whether open days are read from the records, so that nothing is missing."""
        return self.sums_until == self.open_from


def coverage() -> Coverage:
    """Return how to read now: open days with many requests from their last sums, few live.

    To sum many records takes longer than a page may take; their sums are minutes old
    (``tokens.tasks.aggregate_usage``).
    """
    with reader().cursor() as cursor:
        cursor.execute(_COVERAGE)
        now, open_from, months_until, summed_at, requests = cursor.fetchone()
    is_live = summed_at is None or requests <= LIVE_REQUESTS
    return Coverage(
        open_from=open_from,
        sums_until=open_from if is_live else date.max,
        months_until=months_until,
        as_of=now if is_live else summed_at,
        summed_at=summed_at,
    )


LIVE_REQUESTS = 5_000
"""As many requests of open days are read from the records: PostgreSQL takes 80 ms for a page."""
_COVERAGE = """
    SELECT now(), COALESCE(a.open_from, '0001-01-01'),
           -- A former version moves `open_from` back without the months.
           CASE WHEN a.months_until <= a.open_from THEN a.months_until ELSE '0001-01-01' END,
           a.summed_at,
           (SELECT COALESCE(sum(t.requests), 0) FROM tokens_dailytotal t
             WHERE t.dimension = 'all' AND t.day >= a.open_from)
      FROM (VALUES (1)) AS one (row) LEFT JOIN tokens_aggregation a ON true
"""


def closed_until() -> date:
    """Return the first day whose records may still change. The sums before it are final."""
    state = Aggregation.objects.first()
    return state.open_from if state else date.min


def by_key(dimension: Dimension, *, since: date, until: date, covered: Coverage) -> list[KeyTotals]:
    """Sum the days of a period (``until`` is exclusive) by key, largest charge first."""
    span = _Span(since, until, covered)
    rows = _read("key", dimension, span, order="charged DESC, key", users=False)
    return [KeyTotals(**row) for row in rows]


def by_day(dimension: Dimension, *, since: date, until: date, covered: Coverage) -> list[DayTotals]:
    """Return the sums of each day and key, ordered by day and key."""
    span = _Span(since, until, covered)
    rows = _read("day, key", dimension, span, order="day, key", users=True)
    return [DayTotals(**row) for row in rows]


class _Span:
    """The days that are read from their sums, and the records of the others."""

    def __init__(self, since: date, until: date, covered: Coverage) -> None:
        closed = min(until, covered.sums_until)
        start = max(since, closed)
        self.has_records = start < until
        self.parameters = {
            "since": since,
            "closed": closed,
            **parameters(midnight(start), midnight(max(start, until))),
        }


def _read(
    group: str, dimension: Dimension, span: _Span, *, order: str, users: bool
) -> list[dict[str, Any]]:
    sums = ", ".join(f"sum({name})::{_TYPES.get(name, 'bigint')} AS {name}" for name in _FIGURES)
    records = f"UNION ALL ({of_records([dimension], users=users)})" if span.has_records else ""
    statement = f"""
        SELECT {group}, {"sum(users)::bigint" if users else "NULL"} AS users, {sums},
               ARRAY[{_COUNTS}] AS latency
          FROM (
            SELECT {COLUMNS} FROM tokens_dailytotal
             WHERE dimension = %(dimension)s AND day >= %(since)s AND day < %(closed)s
            {records}
          ) AS totals GROUP BY {group} ORDER BY {order}
    """  # noqa: S608 - of the fixed texts above
    with reader().cursor() as cursor:
        cursor.execute(statement, {**span.parameters, "dimension": dimension})
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return [{**row, "latency": tuple(row["latency"])} for row in rows]


def reader() -> Any:
    """Return the connection from which records are read now (``core.replica``)."""
    return connections[router.db_for_read(UsageRecord)]
