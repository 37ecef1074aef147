"""Sums of each user by month (``MonthlyUsage``), made of the daily sums of closed days.

A month is computed anew when one of its days closes or changes, and ``Aggregation.months_until`` is
set in the same transaction: the months have exactly the days before it. ``parts`` divides a
period into months and days.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.db import connection
from django.db.models import Min

from tokens.models import Aggregation, DailyUsage

_DELETE = "DELETE FROM tokens_monthlyusage WHERE month = %(month)s"
_COLUMNS = "month, user_id, days, requests, charged, cost"
_SUMS = """
    SELECT %(month)s::date, user_id, bit_or(1 << (extract(day FROM day)::int - 1)),
           sum(requests)::bigint, sum(charged)::bigint, COALESCE(sum(cost), 0)
      FROM tokens_dailyusage
     WHERE day >= %(month)s AND day < %(until)s GROUP BY user_id
"""
_INSERT = f"INSERT INTO tokens_monthlyusage ({_COLUMNS}) {_SUMS}"  # nosec B608
_DIFFER = f"""
    WITH made AS ({_SUMS}),
         stored AS (SELECT {_COLUMNS} FROM tokens_monthlyusage WHERE month = %(month)s)
    SELECT count(*) FROM (
        (TABLE made EXCEPT TABLE stored) UNION ALL (TABLE stored EXCEPT TABLE made)
    ) AS differences
"""  # noqa: S608 # nosec B608


def update(days: Sequence[date], *, until: date) -> None:
    """Have the months all days before ``until``; the sums of ``days`` were computed anew.

    It must run in a transaction that writes ``until`` to ``Aggregation.months_until``.
    """
    state = Aggregation.objects.first()
    former = state.months_until if state else None
    if former is None:
        former = DailyUsage.objects.aggregate(day=Min("day"))["day"] or until
    changed = {day.replace(day=1) for day in days if day < until}
    changed.update(_months(min(former, until), max(former, until)))
    with connection.cursor() as cursor:
        for month in sorted(changed):
            given = {"month": month, "until": min(_next(month), until)}
            cursor.execute(_DELETE, given)
            cursor.execute(_INSERT, given)


def differing(month: date) -> int:
    """Return how many sums of the month differ from its days; 0 if all are exact."""
    state = Aggregation.objects.first()
    until = (state.months_until if state else None) or month
    with connection.cursor() as cursor:
        cursor.execute(_DIFFER, {"month": month, "until": min(_next(month), until)})
        return int(cursor.fetchone()[0])


@dataclass(frozen=True)
class DaysOfAll:
    """Days whose sums are added, or else subtracted. ``until`` is exclusive."""

    since: date
    until: date
    is_added: bool


@dataclass
class Parts:
    """What makes up a period: whole rows of months, and single days."""

    months: list[date] = field(default_factory=list)
    days: list[DaysOfAll] = field(default_factory=list)


def parts(since: date, until: date, *, months_until: date) -> Parts:
    """Divide a period so that few rows are read. Pure.

    A month that is mostly in the period is read as its row, less the days that are not. Days from
    ``months_until`` on are in no month.
    """
    found = Parts()
    for month in _months(since, min(until, months_until)):
        end = min(_next(month), months_until)
        first, last = max(since, month), min(until, end)
        before, after = DaysOfAll(month, first, False), DaysOfAll(last, end, False)
        if (end - month) <= 2 * (last - first):
            found.months.append(month)
            found.days += [part for part in (before, after) if part.since < part.until]
        else:
            found.days.append(DaysOfAll(first, last, True))
    if max(since, months_until) < until:
        found.days.append(DaysOfAll(max(since, months_until), until, True))
    return found


def masks(since: date, until: date, *, months_until: date) -> dict[date, int]:
    """Return the months of a period, and the bits of its days in ``MonthlyUsage.days``. Pure."""
    found = {}
    for month in _months(since, min(until, months_until)):
        first, last = max(since, month), min(until, _next(month), months_until)
        found[month] = ((1 << (last - first).days) - 1) << (first.day - 1)
    return found


def _months(since: date, until: date) -> Iterator[date]:
    """Yield the first day of each month that has a day of the period."""
    month = since.replace(day=1)
    while since < until and month < until:
        yield month
        month = _next(month)


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
