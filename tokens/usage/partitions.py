"""The monthly partitions of the receipts, by their time-ordered id.

A receipt has its reservation's id, a UUID of version 7, which begins with the milliseconds since
1970. So a month (UTC) is a range of ids. Receipts of months without a partition, and ids of other
versions, are in the default partition, so that a receipt can always be written.

Everything here can be repeated, run at once by several processes, and be interrupted. A lock that
receipts or reports wait for is held for milliseconds, and is waited for no longer than that, again
and again. https://www.postgresql.org/docs/current/ddl-partitioning.html
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, OperationalError, connection, transaction
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric
from psycopg import errors

from core.database import at_most
from tokens.periods import midnight

AHEAD = 3  # months after the current one
_TABLE = "tokens_usagerecord"
_DEFAULT = f"{_TABLE}_default"
_LOCK = 7_465_003
_ATTEMPTS = 20
# The ledger gives up on a lock after a second (core.database.BRIEF).
_LOCK_MS = 300
_BUSY = (errors.LockNotAvailable, errors.DeadlockDetected)
_NOT_DROPPED: dict[type, str] = {
    errors.QueryCanceled: "its receipts took too long to be looked at",
    errors.InsufficientPrivilege: "this role does not own it",
}
# A default partition up to this size is searched for a month's receipts, which are moved, within
# milliseconds; about 10,000 receipts.
_SMALL_BYTES = 8_000_000
# The default partition is made to refuse a month's ids only so long before the month: there are
# some days for those who try again. A server whose clock is wrong may give an id of it earlier.
_TO_BEGIN = timedelta(days=3)
# If there is no partition so long before the month, the default partition takes its ids again.
_TO_GIVE_UP = timedelta(days=1)


class InUse(Exception):
    """A lock was never free."""

    def __str__(self) -> str:
        return "the table is in use"


log = structlog.get_logger("tokengate.tokens")


@dataclass(frozen=True, order=True)
class Month:
    """A month (UTC), by its first day."""

    first: date

    @property
    def next(self) -> "Month":
        return Month((self.first + timedelta(days=31)).replace(day=1))

    @property
    def table(self) -> str:
        """Return the name of its partition."""
        return f"{_TABLE}_{self.first:%Y_%m}"

    @property
    def bounds(self) -> tuple[UUID, UUID]:
        """Return the lowest id of the month and of the next one."""
        return first_id(midnight(self.first)), first_id(midnight(self.next.first))


def first_id(moment: datetime) -> UUID:
    """Return the lowest UUID of version 7 that can be made at this time."""
    milliseconds = round(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62)


def are_there() -> bool:
    """Return whether the receipts are partitioned, which an earlier migration did not do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE oid = to_regclass(%s)", [_DEFAULT])
        return bool(cursor.fetchone()[0])


def present() -> list[Month]:
    """Return the months that have a partition, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_date(right(c.relname, 7), 'YYYY_MM')"
            "  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = %s::regclass AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'",
            [_TABLE],
        )
        return sorted(Month(first) for (first,) in cursor.fetchall())


def missing() -> list[Month]:
    """Return the months that are to have a partition and have none: the current one, and AHEAD.

    A month that has begun gets none while the default partition is large: to search that for its
    receipts would stop others.
    """
    wanted = [_current()]
    while len(wanted) <= AHEAD:
        wanted.append(wanted[-1].next)
    there = set(present())
    return [month for month in wanted if month not in there and _can_be_created(month)]


def stored() -> Iterator[Metric]:
    """Collects how many partitions are missing, for Prometheus."""
    with at_most(seconds=2):
        months = len(missing())
    yield GaugeMetricFamily(
        "tokengate_receipt_partitions_missing",
        "Months, up to three ahead, without a partition of the receipts.",
        value=months,
    )


def create_missing() -> list[Month]:
    """Create the partitions of the ``missing`` months; returns those that this process created."""
    return [month for month in missing() if create(month)]


def create(month: Month) -> bool:
    """Create a month's partition, with its receipts of the default one; returns whether it did.

    It did not if another process was faster, if a lock was never free, which is logged, or if the
    month has begun and the default partition is large.
    """
    try:
        if _default_is_small():
            return _create_alone(month)
        return _can_be_excluded(month) and _create_beside_requests(month)
    except InUse as error:
        log.warning("partition_not_created", month=month.table, reason=str(error))
        _give_up_in_time(month)
        return False


def drop(month: Month, condition: str) -> bool:
    """Drop a month's partition with its receipts, if a condition (SQL) is true for it.

    Returns whether it was dropped; if a lock was never free, or this role may not, that is logged.
    The condition is evaluated while nobody can write or read receipts, so it is given up if it is
    not quick. There is no DETACH before, which is CONCURRENTLY only without a default partition:
    DROP needs the same lock, and cannot be interrupted between the two.
    """

    def step(cursor: Any) -> bool:
        cursor.execute(f"LOCK TABLE ONLY {_TABLE} IN ACCESS EXCLUSIVE MODE")
        if month not in present():
            return False
        cursor.execute(f"LOCK TABLE {month.table} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"SET LOCAL statement_timeout = {_LOCK_MS}")
        cursor.execute(condition)
        can_be_dropped = cursor.fetchone()[0]
        cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
        if not can_be_dropped:
            return False
        cursor.execute(f"DROP TABLE {month.table}")
        return True

    try:
        return patiently(step)
    except InUse as error:
        reason = str(error)
    except DatabaseError as error:
        if type(error.__cause__) not in _NOT_DROPPED:
            raise
        reason = _NOT_DROPPED[type(error.__cause__)]
    log.warning("partition_not_dropped", month=month.table, reason=reason)
    return False


def _current() -> Month:
    return Month(timezone.now().astimezone(UTC).date().replace(day=1))


def _can_be_created(month: Month) -> bool:
    return _can_be_excluded(month) or _default_is_small()


def _can_be_excluded(month: Month) -> bool:
    return timezone.now() < midnight(month.first) - _TO_BEGIN or _is_excluded(month)


def _default_is_small() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_table_size(%s::regclass)", [_DEFAULT])
        return int(cursor.fetchone()[0]) <= _SMALL_BYTES


def _create_alone(month: Month) -> bool:
    """Create a partition in one transaction, for which writers of receipts wait.

    A writer that has chosen the default partition already would fail, so all wait at the table.
    """

    def step(cursor: Any) -> bool:
        cursor.execute(f"LOCK TABLE ONLY {_TABLE} IN SHARE ROW EXCLUSIVE MODE")
        if month in present():
            return False
        cursor.execute(f"LOCK TABLE {_DEFAULT} IN ACCESS EXCLUSIVE MODE")
        _create_table(cursor, month)
        _attach_table(cursor, month)
        return True

    return patiently(step)


def _create_beside_requests(month: Month) -> bool:
    """Create the partition of a month that has not begun, however large the default one is.

    A constraint has the default partition refuse the month's ids, so that ATTACH does not have to
    search it. Existing ids are checked while requests go on. There are some of the month if ids are
    of another version, which are in no order: readers see those in the default partition until they
    are in the new one. A process that is killed leaves the constraint; the next one goes on with
    it.
    """
    first, end = month.bounds
    validate = f"ALTER TABLE {_DEFAULT} VALIDATE CONSTRAINT {_constraint(month)}"

    def exclude(cursor: Any) -> bool:
        _take_turns(cursor)
        if month in present():
            return False
        if not _is_excluded(month):
            cursor.execute(
                f"ALTER TABLE {_DEFAULT} ADD CONSTRAINT {_constraint(month)}"
                f" CHECK (id < '{first}' OR id >= '{end}') NOT VALID"
            )
        return True

    def check(cursor: Any) -> bool:
        """Check in a transaction of its own what does not have to be repeated if a lock is busy."""
        _take_turns(cursor)
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM {_DEFAULT} WHERE id >= %s AND id < %s)",  # noqa: S608
            [first, end],
        )
        if not cursor.fetchone()[0] and _is_excluded(month):
            cursor.execute(validate)
        return True

    def create(cursor: Any) -> bool:
        _take_turns(cursor)
        if month in present():
            return False
        _create_table(cursor, month)
        cursor.execute(validate)
        _attach_table(cursor, month)
        return True

    return patiently(exclude) and patiently(check) and patiently(create)


def _give_up_in_time(month: Month) -> None:
    """Have the default partition take a month's ids again if the month is about to begin."""
    if timezone.now() < midnight(month.first) - _TO_GIVE_UP:
        return

    def include(cursor: Any) -> bool:
        _take_turns(cursor)
        if _is_excluded(month):
            cursor.execute(f"ALTER TABLE {_DEFAULT} DROP CONSTRAINT {_constraint(month)}")
        return True

    try:
        patiently(include)
    except InUse as error:
        log.error("receipts_refused", month=month.table, reason=str(error))  # noqa: TRY400 - expected


def _take_turns(cursor: Any) -> None:
    """Wait until no other process creates a partition. No request waits for this lock."""
    cursor.execute("SET LOCAL lock_timeout = 0")
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    cursor.execute(f"SET LOCAL lock_timeout = {_LOCK_MS}")


def _is_excluded(month: Month) -> bool:
    """Return whether the default partition refuses ids of the month."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_constraint WHERE conname = %s)", [_constraint(month)]
        )
        return bool(cursor.fetchone()[0])


def _create_table(cursor: Any, month: Month) -> None:
    """Create a month's table, with its receipts of the default partition."""
    cursor.execute(
        f"CREATE TABLE {month.table} (LIKE {_TABLE} INCLUDING COMMENTS INCLUDING CONSTRAINTS"
        " INCLUDING DEFAULTS INCLUDING STORAGE)"
    )
    cursor.execute(
        f"WITH moved AS (DELETE FROM {_DEFAULT} WHERE id >= %s AND id < %s RETURNING *)"  # noqa: S608
        f" INSERT INTO {month.table} SELECT * FROM moved",
        month.bounds,
    )


def _attach_table(cursor: Any, month: Month) -> None:
    first, end = month.bounds
    cursor.execute(
        f"ALTER TABLE {_TABLE} ATTACH PARTITION {month.table}"
        f" FOR VALUES FROM ('{first}') TO ('{end}')"
    )
    cursor.execute(f"ALTER TABLE {_DEFAULT} DROP CONSTRAINT IF EXISTS {_constraint(month)}")


def _constraint(month: Month) -> str:
    return f"usage_not_of_{month.first:%Y_%m}"


def patiently(step: Callable[[Any], bool]) -> bool:
    """Run a step in a transaction, again while a lock is not free.

    Raises:
        InUse: It never was.
    """
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(random.uniform(0.2, 0.6))  # noqa: S311 # nosec B311  # no secret
        try:
            with _brief_locks() as cursor:
                return step(cursor)
        except OperationalError as error:
            if not isinstance(error.__cause__, _BUSY):
                raise
    raise InUse


@contextmanager
def _brief_locks() -> Iterator[Any]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {_LOCK_MS}")
        yield cursor
