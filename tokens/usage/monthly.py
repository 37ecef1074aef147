"""Sums of each user by month (``MonthlyUsage``), made of the daily sums of closed days.

The months have exactly the days before ``Aggregation.months_until``, which is set in the same
transaction. A day that changes takes its month and the later ones back, until ``fill`` has
summed them anew. ``parts`` divides a period into months and days.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.db import connection, transaction
from django.db.models import Min

from tokens.models import Aggregation, DailyUsage, MonthlyUsage
from tokens.usage.turns import take_turns

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


def take_back(day: date) -> None:
    """Have the months of this day and of later ones read by days until ``fill`` makes them again.

    It must run in the transaction that changes the day: so a run that dies leaves no wrong month.
    """
    month = day.replace(day=1)
    if Aggregation.objects.filter(months_until__gt=day).update(months_until=month):
        MonthlyUsage.objects.filter(month__gte=month).delete()


def fill() -> None:
    """Sum the closed days that are in no month yet, a month in each transaction."""
    while _fill_one():
        pass


@transaction.atomic
def _fill_one() -> bool:
    take_turns()
    state = Aggregation.objects.get()
    since = state.months_until
    if since is None:
        since = DailyUsage.objects.aggregate(day=Min("day"))["day"] or state.open_from
        MonthlyUsage.objects.all().delete()
    if since >= state.open_from:
        Aggregation.objects.filter(months_until=None).update(months_until=state.open_from)
        return False
    month = since.replace(day=1)
    given = {"month": month, "until": min(_next(month), state.open_from)}
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, given)
        cursor.execute(_INSERT, given)
    Aggregation.objects.update(months_until=given["until"])
    return True


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
