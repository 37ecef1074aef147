"""Sums by user for staff: who was active, and who used or cost the most.

They are read from months, days and, where open days have few requests, records
(``tokens.usage.totals.Coverage``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from tokens.periods import midnight
from tokens.usage import monthly
from tokens.usage.totals import Coverage, reader

TopBy = Literal["charged", "cost"]


@dataclass(frozen=True)
class UserTotals:
    """Sums of a user's requests."""

    user_id: int
    requests: int
    charged: int
    """Tokens of the balance."""
    cost: Decimal
    """USD, as reported by the provider, or else computed from its prices, or else 0."""


@dataclass(frozen=True)
class Statement:
    """A query, and its parameters."""

    sql: str
    parameters: dict[str, Any]


_MONTHS = """
    SELECT user_id, requests, charged, cost FROM tokens_monthlyusage WHERE month = ANY(%(months)s)
"""
_DAYS = """
    SELECT user_id, {sign}requests, {sign}charged, {sign}cost FROM tokens_dailyusage
     WHERE day >= %({name}_since)s AND day < %({name}_until)s
"""
_RECORDS = """
    SELECT user_id, 1, charged, COALESCE(upstream_cost, cost) FROM tokens_usagerecord
     WHERE created_at >= %(records_since)s AND created_at < %(records_until)s
"""


def sums(*, since: date, until: date, covered: Coverage) -> Statement:
    """Return a query of user_id, requests, charged and cost: a row for each user with a request.

    ``until`` is exclusive.
    """
    summed = min(until, covered.sums_until)
    found = monthly.parts(since, summed, months_until=covered.months_until)
    given: dict[str, Any] = {"months": found.months, **_records(since, until, covered)}
    queries = [_MONTHS] if found.months else []
    for number, days in enumerate(found.days):
        name = f"days_{number}"
        queries.append(_DAYS.format(sign="" if days.is_added else "-", name=name))
        given |= {f"{name}_since": days.since, f"{name}_until": days.until}
    if given["records_since"] < given["records_until"] or not queries:
        queries.append(_RECORDS)
    sql = f"""
        SELECT user_id, sum(requests)::bigint AS requests, sum(charged)::bigint AS charged,
               COALESCE(sum(cost), 0) AS cost
          FROM ({" UNION ALL ".join(queries)}) AS parts (user_id, requests, charged, cost)
         GROUP BY user_id HAVING sum(requests) > 0
    """  # noqa: S608 - of the fixed texts above
    return Statement(sql, given)


def top_users(
    *, since: date, until: date, at_most: int, by: TopBy, covered: Coverage
) -> list[UserTotals]:
    """Return the users with the largest charges or costs, largest first."""
    found = sums(since=since, until=until, covered=covered)
    sql = f"SELECT * FROM ({found.sql}) AS sums ORDER BY {by} DESC, user_id LIMIT %(at_most)s"  # noqa: S608 # nosec B608
    with reader().cursor() as cursor:
        cursor.execute(sql, {**found.parameters, "at_most": at_most})
        return [UserTotals(*row) for row in cursor.fetchall()]


def active_users(*, since: date, until: date, covered: Coverage) -> int:
    """Count the users with a request in the days (``until`` is exclusive)."""
    summed = min(until, covered.sums_until)
    masks = monthly.masks(since, summed, months_until=covered.months_until)
    given = {
        "months": list(masks),
        "masks": list(masks.values()),
        "since": max(since, covered.months_until),
        "until": summed,
        **_records(since, until, covered),
    }
    parts = " UNION ALL ".join(_active(given))
    sql = f"SELECT count(*) FROM (SELECT DISTINCT user_id FROM ({parts}) AS parts) AS users"  # noqa: S608 # nosec B608
    with reader().cursor() as cursor:
        cursor.execute(sql, given)
        return int(cursor.fetchone()[0])


def _active(given: dict[str, Any]) -> Iterator[str]:
    yield """
        SELECT user_id FROM tokens_monthlyusage
          JOIN unnest(%(months)s::date[], %(masks)s::int[]) AS wanted (month, mask) USING (month)
         WHERE days & mask <> 0
    """
    if given["since"] < given["until"]:
        yield """
            SELECT user_id FROM tokens_dailyusage
             WHERE day >= %(since)s AND day < %(until)s
        """
    if given["records_since"] < given["records_until"]:
        yield """
            SELECT user_id FROM tokens_usagerecord
             WHERE created_at >= %(records_since)s AND created_at < %(records_until)s
        """


def _records(since: date, until: date, covered: Coverage) -> dict[str, Any]:
    """Return the start and end of the records that are read: none if these are the same."""
    start = max(since, min(until, covered.sums_until))
    return {"records_since": midnight(start), "records_until": midnight(max(start, until))}
