"""Usage sums for staff: requests, tokens, cost, errors and latency.

Latencies are percentiles in milliseconds of requests that a model answered, computed from a
histogram with a relative error of at most ``tokens.usage.latency.ERROR``. Everything else is exact.
Costs are in USD: as reported by the provider, or else computed from its prices.
"""

from dataclasses import replace
from datetime import date
from typing import Literal

from adminpanel.reports import origin
from tokens.usage.totals import DayTotals, KeyTotals

Group = Literal["day", "model", "provider", "plan"]


def usage(*, since: date, until: date, group: Group) -> list[DayTotals] | list[KeyTotals]:
    """Sum the days of a period (``until`` is exclusive) by day, oldest first, or by largest charge.

    A day's key is the day, written as 2026-03-01.
    """
    if group == "day":
        days = origin.by_day("all", since=since, until=until)
        return [replace(row, key=f"{row.day:%Y-%m-%d}") for row in days]
    return origin.by_key(group, since=since, until=until)


def total(*, since: date, until: date) -> KeyTotals:
    """Sum all days of a period (``until`` is exclusive). The key is None."""
    found = origin.by_key("all", since=since, until=until)
    users = origin.active_users(since=since, until=until)
    return replace(found[0] if found else KeyTotals(), key=None, users=users)
