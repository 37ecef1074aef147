"""Usage sums for staff: requests, tokens, cost, errors and latency.

Latencies are percentiles in milliseconds of requests that a model answered, computed from a
histogram with a relative error of at most ``tokens.usage.latency.ERROR``. Everything else is exact.
Costs are in USD: as reported by the provider, or else computed from its prices.
"""

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from tokens.usage import latency, totals

Group = Literal["day", "model", "provider", "plan"]

# A day on which there was nothing.
NOTHING: dict[str, Any] = {
    "requests": 0,
    "errors": 0,
    "users": 0,
    "prompt_tokens": 0,
    "completion_tokens": 0,
    "charged": 0,
    "cost": Decimal(0),
    "latency": [0] * len(latency.BOUNDS),
}


def usage(*, since: date, until: date, group: Group) -> list[dict[str, Any]]:
    """Sum the days of a time (``until`` is exclusive) by day, or by what used the most.

    ``users`` is None but of days: users of several days cannot be added up.
    """
    if group == "day":
        rows = totals.by_day("all", since=since, until=until)
        return [as_row(row, f"{row['day']:%Y-%m-%d}") for row in rows]
    return [as_row(row, row["key"]) for row in totals.by_key(group, since=since, until=until)]


def total(*, since: date, until: date) -> dict[str, Any]:
    """Sum all days of a time (``until`` is exclusive)."""
    rows = totals.by_key("all", since=since, until=until) or [NOTHING]
    users = totals.active_users(since=since, until=until)
    return {**as_row(rows[0], None), "users": users}


def as_row(row: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Name the row, and its percentiles."""
    counts = row["latency"]
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    latencies = {name: latency.percentile(counts, share) for name, share in shares.items()}
    return {**row, "key": key, "latency_ms": latencies}
