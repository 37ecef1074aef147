"""Deleting the details of old usage. Daily sums and ledger entries are kept.

Before the records of a day are deleted, the day is sealed: its sums are final, exact, and never
recomputed. Records older than ``Aggregation.pruned_until`` are then deleted in small batches, and
the next run continues after an interruption. Entries are never deleted; ``verify`` compares those
of sealed days with the daily sums.

A monthly partition whose records are all old is dropped instead, unless one of them is provisional
or counted for a budget. A partition that has been emptied by batches is dropped, too.
"""

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from tokens.models import Aggregation, UsageRecord
from tokens.periods import midnight
from tokens.usage import aggregates, partitions
from tokens.usage.partitions import Month
from tokens.usage.totals import closed_until
from tokens.usage.turns import take_turns

log = structlog.get_logger("tokengate.tokens")

BATCH = 2000

_DELETE = """
    WITH old AS (
        SELECT id FROM tokens_usagerecord WHERE created_at < %(before)s AND final
         ORDER BY created_at LIMIT %(batch)s
    ), records AS (
        DELETE FROM tokens_usagerecord u USING old WHERE u.id = old.id RETURNING u.id
    ), holds AS (
        DELETE FROM tokens_reservation r USING old WHERE r.id = old.id AND r.state = 'settled'
    )
    SELECT count(*) FROM records
"""

# Reservations without a charge: their clients released them, or let them expire.
_DELETE_UNSETTLED = """
    WITH old AS (
        SELECT id FROM tokens_reservation r
         WHERE state IN ('released', 'expired') AND closed_at < %(before)s
           AND NOT EXISTS (SELECT FROM tokens_usagerecord u WHERE u.id = r.id)
         ORDER BY closed_at LIMIT %(batch)s
    ), holds AS (
        DELETE FROM tokens_reservation r USING old WHERE r.id = old.id RETURNING r.id
    )
    SELECT count(*) FROM holds
"""

# Settled reservations of a month have their receipts in its partition.
_DELETE_SETTLED = """
    WITH old AS (
        SELECT id FROM tokens_reservation
         WHERE id >= %(first)s AND id < %(end)s AND state = 'settled' ORDER BY id LIMIT %(batch)s
    ), holds AS (
        DELETE FROM tokens_reservation r USING old WHERE r.id = old.id RETURNING r.id
    )
    SELECT count(*) FROM holds
"""

# Triggers take what is deleted from the counters of budgets; DROP TABLE runs none.
_CAN_BE_DROPPED = """
    SELECT NOT EXISTS (SELECT FROM {table} WHERE created_at >= '{before}')
       AND NOT EXISTS (SELECT FROM {table} WHERE NOT final)
       AND NOT EXISTS (
            SELECT FROM tokens_sessionspending s JOIN {table} u
                ON u.user_id = s.account AND u.session = s.name
             WHERE s.kind = 'session' AND NOT u.session = '')
       AND NOT EXISTS (
            SELECT FROM tokens_sessionspending s JOIN {table} u
                ON u.user_id = s.account AND u.task = s.name
             WHERE s.kind = 'task' AND NOT u.task = '')
"""
_COUNTED_FOR_KEYS = """
    SELECT EXISTS (SELECT FROM {table} u JOIN tokens_keyspending k
                       ON k.api_key = u.api_key AND k.month = tokens_month(u.created_at))
"""


def due(*, keep_days: int) -> int:
    """Return how many records are older than so many days and can be deleted.

    Raises ``ValueError`` for less than USAGE_RETENTION_AT_LEAST.
    """
    return UsageRecord.objects.filter(created_at__lt=midnight(_last_day(keep_days))).count()


def prune(*, keep_days: int, seconds: float = float("inf")) -> int:
    """Delete the records older than so many days, the oldest first; returns how many.

    This stops after about so many ``seconds``, and before a day whose sums are not exact, which is
    logged. Reservations of the same age without a charge are deleted, too. Raises ``ValueError``
    for less than USAGE_RETENTION_AT_LEAST.
    """
    last, deadline, deleted = _last_day(keep_days), time.monotonic() + seconds, 0
    day = _oldest()
    while day and day < last and time.monotonic() < deadline:
        whole = _whole_month(day, last)
        if not _seal(day, whole.until if whole else day, deadline):
            break
        done = (whole and _drop(whole, before=midnight(last), deadline=deadline)) or _delete(
            _DELETE, deadline=deadline, before=midnight(day + timedelta(days=1))
        )
        deleted += done
        day = _oldest() if done else None  # provisional receipts are kept
    _drop_empty(last)
    _delete(_DELETE_UNSETTLED, deadline=deadline, before=midnight(last))
    return deleted


def _last_day(keep_days: int) -> date:
    """Return the first day that is kept."""
    if keep_days < settings.USAGE_RETENTION_AT_LEAST:
        raise ValueError(f"Usage is kept for {settings.USAGE_RETENTION_AT_LEAST} days or more.")
    kept = timezone.now().astimezone(UTC).date() - timedelta(days=keep_days)
    return min(kept, closed_until())


def _oldest() -> date | None:
    at = UsageRecord.objects.aggregate(at=Min("created_at"))["at"]
    return at.astimezone(UTC).date() if at else None


@dataclass(frozen=True)
class _Whole:
    """A month whose partition has only old records, of which the newest is of the day ``until``."""

    month: Month
    until: date
    records: int


def _whole_month(day: date, last: date) -> _Whole | None:
    """Return the month whose records begin on this day and can all be deleted, if there is one."""
    for month in _ended(last):
        table, before = month.table, midnight(last)
        oldest, newest = _selected(f"SELECT min(created_at), max(created_at) FROM {table}")  # noqa: S608
        if oldest is None or oldest.astimezone(UTC).date() != day:
            continue
        if (
            _selected(_CAN_BE_DROPPED.format(table=table, before=before))[0]
            and not (_selected(_COUNTED_FOR_KEYS.format(table=table))[0])
        ):
            (records,) = _selected(f"SELECT count(*) FROM {table}")  # noqa: S608
            return _Whole(month, newest.astimezone(UTC).date(), records)
    return None


def _ended(last: date) -> list[Month]:
    """Return the months with a partition that end before a day."""
    return [month for month in partitions.present() if month.next.first <= last]


def _drop(whole: _Whole, *, before: datetime, deadline: float) -> int:
    """Drop a month's partition and delete its reservations; returns how many records it had.

    Returns 0 if there is no time left, or if something was written to it meanwhile.
    """
    first, end = whole.month.bounds
    _delete(_DELETE_SETTLED, deadline=deadline, first=first, end=end)
    if time.monotonic() >= deadline:
        return 0
    condition = _CAN_BE_DROPPED.format(table=whole.month.table, before=before)
    return whole.records if partitions.drop(whole.month, condition) else 0


def _drop_empty(last: date) -> None:
    for month in _ended(last):
        is_empty = f"SELECT NOT EXISTS (SELECT FROM {month.table})"  # noqa: S608
        if _selected(is_empty)[0]:
            partitions.drop(month, is_empty)


def _selected(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()


def _seal(day: date, until: date, deadline: float) -> bool:
    """Seal the days from one to another. Returns False if one is not exact, or if time is over."""
    while day <= until and time.monotonic() < deadline:
        if not _sealed(day):
            log.error("usage_not_pruned", day=str(day), reason="its daily sums are not exact")
            return False
        day += timedelta(days=1)
    return day > until


@transaction.atomic
def _sealed(day: date) -> bool:
    """Seal the day, unless it is sealed. Return whether its records can be deleted."""
    take_turns()
    state = Aggregation.objects.get()
    if state.pruned_until and day < state.pruned_until:
        return True
    if aggregates.differing(day):
        return False
    state.pruned_until = day + timedelta(days=1)
    state.save(update_fields=["pruned_until"])
    return True


def _delete(statement: str, *, deadline: float, **parameters: Any) -> int:
    total = 0
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(statement, {**parameters, "batch": BATCH})
            done = int(cursor.fetchone()[0])
        total += done
        if done < BATCH:
            break
    return total
