"""What was used, summed for staff: requests, tokens, cost, errors and latency.

Latencies are percentiles in milliseconds, of requests that a model answered. Costs are USD: what
the provider told, or what its prices make of the tokens where it told nothing.
"""

from datetime import datetime
from typing import Any, Literal

from django.db import connection

Group = Literal["day", "model", "provider", "plan"]

# Fixed text, chosen by a validated name: nothing of a request's gets into the statement.
_BY: dict[Group, str] = {
    "day": "to_char(u.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    "model": "u.model",
    "provider": "u.provider",
    "plan": "b.tier_id",
}
_SUMS = """
    count(*) AS requests,
    count(DISTINCT u.user_id) AS users,
    count(*) FILTER (WHERE u.status IN ('failed', 'abandoned')) AS errors,
    COALESCE(sum(u.prompt_tokens), 0)::bigint AS prompt_tokens,
    COALESCE(sum(u.completion_tokens), 0)::bigint AS completion_tokens,
    COALESCE(sum(u.charged), 0)::bigint AS charged,
    COALESCE(sum(COALESCE(u.upstream_cost, u.cost)), 0) AS cost,
    percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY u.duration_ms)
        FILTER (WHERE u.status = 'ok') AS latency
"""


def usage(*, since: datetime, until: datetime, group: Group) -> list[dict[str, Any]]:
    """Sum the records of a time (``until`` is exclusive) by day, or by what used the most."""
    order = "1" if group == "day" else "charged DESC, 1"
    return _sums(_BY[group], f"GROUP BY 1 ORDER BY {order}", since, until)


def total(*, since: datetime, until: datetime) -> dict[str, Any]:
    """Sum all records of a time."""
    (row,) = _sums("NULL", "", since, until)
    return row


def _sums(key: str, grouping: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    statement = f"""
        SELECT {key} AS key, {_SUMS}
          FROM tokens_usagerecord u JOIN tokens_balance b ON b.user_id = u.user_id
         WHERE u.created_at >= %s AND u.created_at < %s {grouping}
    """  # noqa: S608 - of the fixed texts above
    with connection.cursor() as cursor:
        cursor.execute(statement, [since, until])
        names = [column.name for column in cursor.description or ()]
        return [_row(dict(zip(names, values, strict=True))) for values in cursor.fetchall()]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """Give the percentiles their names."""
    p50, p95, p99 = row.pop("latency") or (None, None, None)
    return {**row, "latency_ms": {"p50": p50, "p95": p95, "p99": p99}}
