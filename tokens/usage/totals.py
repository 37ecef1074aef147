"""Sums of all users by day: in total, by model, by provider and by plan. They are for staff.

Queries read the sums of closed days (``DailyTotal``) and the records of days that may still change,
so the results are always exact. Latencies include only answered requests, as counts
(``tokens.usage.latency``).

A user's plan on a day is the plan at its end. It is read from the adjustments: the current plan, or
if it changed since, the last plan that began before the end of the day.
"""

from collections.abc import Iterable
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

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            users=None,
            latency=tuple(map(sum, zip(self.latency, other.latency, strict=True))),
            **{name: getattr(self, name) + getattr(other, name) for name in _FIGURES},
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


def closed_until() -> date:
    """Return the first day whose records may still change. The sums before it are final."""
    state = Aggregation.objects.first()
    return state.open_from if state else date.min


def by_key(dimension: Dimension, *, since: date, until: date) -> list[KeyTotals]:
    """Sum the days of a period (``until`` is exclusive) by key, largest charge first."""
    rows = _read("key", dimension, since, until, order="charged DESC, key", users=False)
    return [KeyTotals(**row) for row in rows]


def by_day(dimension: Dimension, *, since: date, until: date) -> list[DayTotals]:
    """Return the sums of each day and key, ordered by day and key."""
    rows = _read("day, key", dimension, since, until, order="day, key", users=True)
    return [DayTotals(**row) for row in rows]


def active_users(*, since: date, until: date) -> int:
    """Count the users with a request in the days (``until`` is exclusive)."""
    closed = min(until, closed_until())
    with _reader().cursor() as cursor:
        cursor.execute(_ACTIVE, {"since": since, "closed": closed, **_span(since, until, closed)})
        return int(cursor.fetchone()[0])


# An index lookup for each user is faster than reading all records.
_ACTIVE = """
    SELECT count(*) FROM accounts_user u
     WHERE EXISTS (SELECT FROM tokens_dailyusage d
                    WHERE d.user_id = u.id AND d.day >= %(since)s AND d.day < %(closed)s)
        OR EXISTS (SELECT FROM tokens_usagerecord r
                    WHERE r.user_id = u.id AND r.created_at >= %(start)s AND r.created_at < %(end)s)
"""


def _read(
    group: str, dimension: Dimension, since: date, until: date, *, order: str, users: bool
) -> list[dict[str, Any]]:
    closed = min(until, closed_until())
    sums = ", ".join(f"sum({name})::{_TYPES.get(name, 'bigint')} AS {name}" for name in _FIGURES)
    statement = f"""
        SELECT {group}, {"sum(users)::bigint" if users else "NULL"} AS users, {sums},
               ARRAY[{_COUNTS}] AS latency
          FROM (
            SELECT {COLUMNS} FROM tokens_dailytotal
             WHERE dimension = %(dimension)s AND day >= %(since)s AND day < %(closed)s
            UNION ALL
            SELECT {COLUMNS} FROM ({of_records([dimension], users=users)}) AS still_open
          ) AS totals GROUP BY {group} ORDER BY {order}
    """  # noqa: S608 - of the fixed texts above
    span = _span(since, until, closed)
    names = {"dimension": dimension, "since": since, "closed": closed, "bounds": BOUNDS}
    with _reader().cursor() as cursor:
        cursor.execute(statement, {**names, **span, "free": DEFAULT_TIER})
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return [{**row, "latency": tuple(row["latency"])} for row in rows]


def _reader() -> Any:
    """Return the connection from which records are read now (``core.replica``)."""
    return connections[router.db_for_read(UsageRecord)]


def _span(since: date, until: date, closed: date) -> dict[str, datetime]:
    """Return the start and end of the records that are not in closed days."""
    start = max(since, closed)
    return {"start": midnight(start), "end": midnight(max(start, until))}
