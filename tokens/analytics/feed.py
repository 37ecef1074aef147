"""Feeding ClickHouse: first a copy of all receipts, then what changes.

A run reads a batch in a transaction of PostgreSQL, has ClickHouse store it, and then forgets what
the batch was about. Its number is the version of its rows. Numbers are given under a lock that is
held while the batch is read, so a higher version is of a later state. If a run dies halfway, if two
run at once, or if an answer is lost, a batch is stored twice, which changes nothing. The lease only
saves work.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import structlog
from django.db import connection, transaction

from tokens.analytics import copied, outbox, warehouse
from tokens.analytics.copied import Row
from tokens.models import Aggregation, AnalyticsFeed

log = structlog.get_logger("tokengate.tokens")

BATCH = 20_000
_LEASE = "2 minutes"  # longer than a batch takes
_TAKE = f"""
    UPDATE tokens_analyticsfeed SET leased_until = clock_timestamp() + interval '{_LEASE}'
     WHERE leased_until IS NULL OR leased_until < clock_timestamp() RETURNING id
"""  # noqa: S608 - of a constant
_NEXT_RUN = f"""
    UPDATE tokens_analyticsfeed
       SET run = run + 1, leased_until = clock_timestamp() + interval '{_LEASE}'
    RETURNING identity, run, clock_timestamp(), is_copied, copied_to
"""  # noqa: S608 - of a constant


class NotFed(Exception):
    """The feed cannot go on. The message says why, and what to do."""


@dataclass(frozen=True)
class _Batch:
    """What a run read. ``read_at`` is before it began to."""

    identity: UUID
    run: int
    read_at: datetime
    rows: list[Row]
    deleted: list[Row]
    noted: list[int]
    """The rows of the outbox that it is about; of the first copy none."""
    of_copy: bool
    is_last: bool
    """Whether it has all that there was."""
    has_lost: bool = False
    """Whether receipts were deleted by retention before they were fed."""


def feed(*, seconds: float = float("inf")) -> int:
    """Bring ClickHouse up to date, and return how many rows were written.

    Stops after about so many ``seconds``; the next call goes on. Returns 0 at once while another
    process feeds. Raises ``warehouse.Unavailable``, ``NotFed`` or ``partitions.InUse``.
    """
    with leased() as is_ours:
        if not is_ours:
            return 0
        check()
        return bring_up_to_date(seconds=seconds)


@contextmanager
def leased(*, wait: float = 0.0) -> Iterator[bool]:
    """Begin to note changes, and take the lease; yields False if another process keeps it.

    ``wait``: for so many seconds.
    """
    outbox.start()
    deadline = time.monotonic() + wait
    while not (is_ours := _take_lease()) and time.monotonic() < deadline:
        time.sleep(0.5)
    try:
        yield is_ours
    finally:
        if is_ours:
            AnalyticsFeed.objects.update(leased_until=None)


def _take_lease() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE)
        return cursor.fetchone() is not None


def check() -> None:
    """Make sure that ClickHouse has what it was given; start over with an empty one.

    Raises ``NotFed`` if its rows are of another database, or later than this one.
    """
    if warehouse.lacks_tables():
        outbox.start_over()  # first: if this ends here, the tables are still missing the next time
        warehouse.prepare()
    state = AnalyticsFeed.objects.get()
    runs = warehouse.fed().runs
    last = runs.pop(state.identity, 0)
    if runs or last > state.run:
        raise NotFed(
            "ClickHouse has receipts of another database, or of a later state of this one, which"
            " was restored. Name another database in CLICKHOUSE_URL, or replace its tables:"
            " manage.py feed_analytics --rebuild"
        )
    if last < state.acknowledged:
        log.warning("analytics_lost", run=last, acknowledged=state.acknowledged)
        outbox.start_over()


def bring_up_to_date(*, seconds: float = float("inf")) -> int:
    """Copy, and then feed, until nothing is left or the time is over; returns how many rows.

    For whoever has the lease, and has checked the tables.
    """
    deadline, written = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        batch = _read()
        if batch is None:  # stopped meanwhile
            break
        _store(batch)
        written += len(batch.rows) + len(batch.deleted)
        if batch.is_last and not batch.of_copy:
            break
    return written


def rebuild() -> None:
    """Drop the tables of ClickHouse; the next run copies all receipts of PostgreSQL."""
    outbox.start()
    warehouse.drop()
    outbox.start_over()


def stop() -> None:
    """End the feed. ClickHouse keeps its tables."""
    outbox.stop()


def _read() -> _Batch | None:
    """Read the next batch: of the copy until that is complete, then of the changes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_NEXT_RUN)
        found = cursor.fetchone()
        if found is None:
            return None
        identity, run, read_at, is_copied, copied_to = found
        if not is_copied:
            rows = copied.after(copied_to, BATCH)
            is_last = len(rows) < BATCH
            return _Batch(identity, run, read_at, rows, [], [], of_copy=True, is_last=is_last)
        outbox.expand_plans()
        changes = outbox.following(BATCH)
        rows = copied.by_id(changes.receipts)
        there = {row[_ID] for row in rows}
        lost = len(changes.receipts) > len({*there, *changes.deleted})
        gone = [copied.deleted(one) for key, one in changes.deleted.items() if key not in there]
        is_last = len(changes.rows) < BATCH
        return _Batch(
            identity,
            run,
            read_at,
            rows,
            gone,
            changes.rows,
            of_copy=False,
            is_last=is_last,
            has_lost=lost,
        )


_ID = copied.NAMES.index("id")


def _store(batch: _Batch) -> None:
    """Have ClickHouse store a batch, and then forget what it was about. No lock is held."""
    if batch.rows or batch.deleted:
        warehouse.write(batch.identity, batch.run, batch.rows, batch.deleted)
    with transaction.atomic():
        outbox.forget(batch.noted)
        state = AnalyticsFeed.objects.select_for_update().filter(identity=batch.identity).first()
        if state is None or batch.run <= state.copy_run:
            return  # stopped, or started over meanwhile
        if batch.rows or batch.deleted:
            state.acknowledged = max(state.acknowledged, batch.run)
        if batch.of_copy:
            state.copied_to = batch.rows[-1][_ID] if batch.rows else state.copied_to
            state.is_copied = state.is_copied or batch.is_last
        elif batch.is_last:
            state.fed_until = max(state.fed_until or batch.read_at, batch.read_at)
        if batch.has_lost or (batch.of_copy and batch.is_last):
            state.covers_from = _first_kept_day()
        state.save()


def _first_kept_day() -> date | None:
    """Return the first day that retention has not deleted; None if it deleted nothing."""
    state = Aggregation.objects.first()
    return state.pruned_until if state else None
