"""Daily sums of the usage records: incremental, safe to repeat, exact.

There are sums of each user (``DailyUsage``) and of all users (``DailyTotal``,
tokens/usage/totals.py). Closed days are also summed by month (tokens/usage/monthly.py).

A day's sums are recomputed while its records may change: for the last days, and for every day since
the oldest provisional receipt. The sums of a day are replaced in one transaction, so an interrupted
run leaves complete days. All sums of the last days are computed by one statement, of the same
records, so they agree with each other. Concurrent runs wait for each other.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from tokens.models import Aggregation, UsageRecord
from tokens.periods import midnight
from tokens.usage import monthly, totals
from tokens.usage.turns import take_turns

# A request's record has the day on which the request began, and is written when it ends.
_MAY_STILL_RUN = timedelta(days=2)

_SUMS = """
    SELECT (created_at AT TIME ZONE 'UTC')::date, user_id, model, provider, api_key, status,
           count(*), sum(prompt_tokens), sum(completion_tokens), sum(cached_tokens),
           sum(cache_write_tokens), sum(reasoning_tokens), sum(charged),
           sum(COALESCE(upstream_cost, cost)), sum(duration_ms)
      FROM tokens_usagerecord
     WHERE created_at >= %(start)s AND created_at < %(end)s
     GROUP BY 1, 2, 3, 4, 5, 6
"""
_COLUMNS = """day, user_id, model, provider, api_key, status, requests, prompt_tokens,
    completion_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, charged, cost,
    duration_ms"""
# Each table, its columns, and the query that computes them from the records. The order stores rows
# of one user and day, which are read together, on the same pages.
_TABLES = (
    ("tokens_dailyusage", _COLUMNS, f"{_SUMS} ORDER BY 1, 2"),
    ("tokens_dailytotal", totals.COLUMNS, totals.of_records()),
)
_DELETE = "DELETE FROM {table} WHERE day >= %(day)s AND day < %(until)s"
_INSERT = "INSERT INTO {table} ({columns}) {sums}"
# One statement sees one state of the records.
_INSERTS = "WITH {}, {} SELECT".format(
    *(
        f"of_{table} AS ({_INSERT.format(table=table, columns=columns, sums=sums)})"
        for table, columns, sums in _TABLES
    )
)
_DIFFER = """
    WITH made AS ({sums}), stored AS (SELECT {columns} FROM {table} WHERE day = %(day)s)
    SELECT count(*) FROM (
        (TABLE made EXCEPT TABLE stored) UNION ALL (TABLE stored EXCEPT TABLE made)
    ) AS differences
"""


def open_days(*, since: date | None = None) -> list[date]:
    """Return the days to be recomputed, the oldest first; ``since`` adds older ones.

    Days whose records were pruned are excluded, because their sums could not be recomputed.
    """
    today = timezone.now().astimezone(UTC).date()
    starts = [today - _MAY_STILL_RUN, since, _oldest_open(), _oldest_provisional()]
    start = min(day for day in starts if day is not None)
    state = Aggregation.objects.first()
    if state and state.pruned_until:
        start = max(start, state.pruned_until)
    return [start + timedelta(days=number) for number in range((today - start).days + 1)]


def aggregate(*, since: date | None = None) -> int:
    """Update the sums; returns how many days were recomputed."""
    began = timezone.now()
    days = open_days(since=since)
    provisional = _oldest_provisional()
    settled = days[-1] - _MAY_STILL_RUN
    for day in days:
        if day < settled:
            _replace(day, day)
    _replace(max(settled, days[0]), days[-1])
    _close(open_from=min(settled, provisional or settled), summed_at=began)
    monthly.fill()
    return len(days)


@transaction.atomic
def _close(*, open_from: date, summed_at: datetime) -> None:
    take_turns()
    monthly.take_back(open_from)
    state = {"open_from": open_from, "summed_at": summed_at}
    Aggregation.objects.update_or_create(id=1, defaults=state)


def differing(day: date) -> int:
    """Return how many sums of a day differ from its records; 0 if all are exact."""
    with connection.cursor() as cursor:
        return sum(_differing(cursor, day, *table) for table in _TABLES)


def _differing(cursor: Any, day: date, table: str, columns: str, sums: str) -> int:
    cursor.execute(_DIFFER.format(table=table, columns=columns, sums=sums), _parameters(day, day))
    return int(cursor.fetchone()[0])


@transaction.atomic
def _replace(first: date, last: date) -> None:
    take_turns()
    state = Aggregation.objects.first()
    if state and state.pruned_until:
        first = max(first, state.pruned_until)  # pruned since the days were chosen
    if first > last:
        return
    monthly.take_back(first)
    parameters = _parameters(first, last)
    with connection.cursor() as cursor:
        for table, _, _ in _TABLES:
            cursor.execute(_DELETE.format(table=table), parameters)
        cursor.execute(_INSERTS, parameters)


def _parameters(first: date, last: date) -> dict[str, Any]:
    until = last + timedelta(days=1)
    return {
        "day": first,
        "until": until,
        **totals.parameters(midnight(first), midnight(until)),
    }


def _oldest_open() -> date | None:
    """Return where the last run ended; before the first run, the day of the first record."""
    state = Aggregation.objects.first()
    return state.open_from if state else _day(UsageRecord.objects.aggregate(at=Min("created_at")))


def _oldest_provisional() -> date | None:
    return _day(UsageRecord.objects.filter(final=False).aggregate(at=Min("created_at")))


def _day(found: dict[str, datetime | None]) -> date | None:
    at = found["at"]
    return at.astimezone(UTC).date() if at else None
