"""Usage sums for staff: requests, tokens, cost, errors and latency.

Latencies are percentiles in milliseconds of requests that a model answered, computed from a
histogram with a relative error of at most ``tokens.usage.latency.ERROR``. All else is exact as of
the moment of the source.
Costs are in USD: as reported by the provider, or else computed from its prices.
"""

from dataclasses import replace
from datetime import date
from typing import Literal

from adminpanel.reports.source import UsageSource
from tokens.usage.totals import DayTotals, KeyTotals

Group = Literal["day", "model", "provider", "plan"]


def usage(
    source: UsageSource, *, since: date, until: date, group: Group
) -> list[DayTotals] | list[KeyTotals]:
    """Sum the days of a period (``until`` is exclusive) by day, oldest first, or by largest charge.

    A day's key is the day, written as 2026-03-01.
    """
    if group == "day":
        days = source.by_day("all", since=since, until=until)
        return [replace(row, key=f"{row.day:%Y-%m-%d}") for row in days]
    return source.by_key(group, since=since, until=until)


def total(source: UsageSource, *, since: date, until: date) -> KeyTotals:
    """Sum all days of a period (``until`` is exclusive). The key is None."""
    found = source.by_key("all", since=since, until=until)
    users = source.active_users(since=since, until=until)
    return replace(found[0] if found else KeyTotals(), key=None, users=users)
