"""Regular maintenance of the database: prune, analyze, rebuild bloated indexes, and check.

Everything is safe to repeat and to interrupt, and holds no lock that requests wait for longer than
a fraction of a second: indexes are rebuilt concurrently, and an index whose lock is not free within
seconds is left for the next time.
https://www.postgresql.org/docs/current/sql-reindex.html
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from accounts.tasks import forget_what_has_expired
from llmproxy.routing import history
from tokens import idempotency
from tokens.ledger import free_allowance
from tokens.usage import partitions, retention

REINDEX_ABOVE_MB = 10.0
_TIMES_EXPECTED = 2.5
_LOCK = 7_465_002
_LOCK_SECONDS = 3
_WRAPAROUND = 1_000_000_000

# Leftovers of a REINDEX CONCURRENTLY that was interrupted; the index itself is not touched by that.
_INVALID = """
    SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE NOT i.indisvalid AND c.relnamespace = 'public'::regnamespace ORDER BY 1
"""
# Autovacuum analyzes partitions, but not the table that they belong to.
_CHANGED = """
    SELECT DISTINCT COALESCE(whole.relname, t.relname) FROM pg_stat_user_tables t
      LEFT JOIN pg_inherits i ON i.inhrelid = t.relid
      LEFT JOIN pg_class whole ON whole.oid = i.inhparent
     WHERE t.schemaname = 'public'
       AND NOT EXISTS (SELECT FROM pg_partitioned_table p WHERE p.partrelid = t.relid)
       AND (n_mod_since_analyze > 0 OR (last_analyze IS NULL AND last_autoanalyze IS NULL))
     ORDER BY 1
"""
# The size of a B-tree if it was built now: for each row the columns, 8 bytes of header and 4 of the
# pointer to it, on pages that are nine tenths full. Equal keys are stored once, so it may be less.
_BLOATED = """
    WITH indexes AS (
        SELECT i.indexrelid, i.indrelid, c.relname, c.reltuples,
               pg_relation_size(i.indexrelid) AS size
          FROM pg_index i
          JOIN pg_class c ON c.oid = i.indexrelid
          JOIN pg_am am ON am.oid = c.relam
         WHERE am.amname = 'btree' AND i.indisvalid AND c.reltuples >= 0
           AND c.relnamespace = 'public'::regnamespace
    ), widths AS (
        SELECT x.indexrelid, sum(COALESCE(s.avg_width, 8)) AS width
          FROM indexes x
          JOIN pg_attribute a ON a.attrelid = x.indexrelid
          JOIN pg_class t ON t.oid = x.indrelid
          LEFT JOIN pg_stats s ON s.schemaname = 'public' AND s.attname = a.attname
                              AND s.tablename IN (t.relname, x.relname)
         GROUP BY 1
    )
    SELECT relname, size,
           (reltuples * (ceil(width / 8.0) * 8 + 12) / 0.9)::bigint + 16384 AS expected
      FROM indexes JOIN widths USING (indexrelid)
     WHERE size > %(above)s
     ORDER BY size DESC
"""
_AGE = "SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()"

Say = Callable[[str], None]


class AlreadyRunningError(Exception):
    """Another run has not ended."""


@dataclass
class Report:
    """What was done, or with ``dry_run`` what would be; ``problems`` need an operator."""

    analyzed: int = 0
    reindexed: int = 0
    reclaimed_bytes: int = 0
    problems: int = 0

    def __str__(self) -> str:
        megabytes = self.reclaimed_bytes / 1e6
        return (
            f"{self.analyzed} tables analyzed, {self.reindexed} indexes rebuilt"
            f" ({megabytes:.1f} MB less), {self.problems} problems."
        )


def maintain(*, say: Say, dry_run: bool, reindex_above_mb: float = REINDEX_ABOVE_MB) -> Report:
    """Do all of it. Raises ``AlreadyRunningError`` while another run is active."""
    report = Report()
    with _alone(), connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_LOCK_SECONDS}s'")
        try:
            _create_partitions(report, say, dry_run=dry_run)
            _prune(say, dry_run=dry_run)
            _drop_invalid(cursor, report, say, dry_run=dry_run)
            _analyze(cursor, report, say, dry_run=dry_run)
            above = round(reindex_above_mb * 1e6)
            _reindex(cursor, report, say, above=above, dry_run=dry_run)
            _check(cursor, report, say)
        finally:
            cursor.execute("RESET lock_timeout")
    return report


@contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock of this session, which ends with it in any case."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            raise AlreadyRunningError("Another run of the maintenance has not ended.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _create_partitions(report: Report, say: Say, *, dry_run: bool) -> None:
    """Create the partitions of the coming months, as the hourly task does."""
    for month in partitions.missing() if dry_run else partitions.create_missing():
        say(f"{month.table}: {'to be ' if dry_run else ''}created")
    for month in [] if dry_run else partitions.missing():
        report.problems += 1
        say(f"{month.table}: not created, because the receipts are in use. Run this again")


def _prune(say: Say, *, dry_run: bool) -> None:
    """Delete what the existing retention no longer keeps, as the periodic tasks do."""
    days = settings.USAGE_RETENTION_DAYS
    if dry_run:
        say(f"usage records to be deleted: {retention.due(keep_days=days) if days else 0}")
        say("expired sessions, idempotency keys and mailboxes would be deleted")
        return
    if days:
        say(f"usage records deleted: {retention.prune(keep_days=days)}")
    forget_what_has_expired()
    say(f"idempotency keys deleted: {idempotency.forget_old()}")
    free_allowance.forget_ended()
    history.forget_old()


def _drop_invalid(cursor: Any, report: Report, say: Say, *, dry_run: bool) -> None:
    cursor.execute(_INVALID)
    for (name,) in cursor.fetchall():
        if "_ccnew" in name or "_ccold" in name:
            say(f"{name}: left by an interrupted rebuild, {'would be ' if dry_run else ''}dropped")
            if not dry_run:
                cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_quoted(name)}")
        else:
            report.problems += 1
            say(f"{name}: this index is invalid. Rebuild it: REINDEX INDEX CONCURRENTLY {name}")


def _analyze(cursor: Any, report: Report, say: Say, *, dry_run: bool) -> None:
    cursor.execute(_CHANGED)
    for (name,) in cursor.fetchall():
        say(f"{name}: {'to be ' if dry_run else ''}analyzed")
        report.analyzed += 1
        if not dry_run:
            cursor.execute(f"ANALYZE {_quoted(name)}")


def _reindex(cursor: Any, report: Report, say: Say, *, above: int, dry_run: bool) -> None:
    cursor.execute(_BLOATED, {"above": above})
    bloated = [row for row in cursor.fetchall() if row[1] > _TIMES_EXPECTED * row[2]]
    for name, size, expected in bloated:
        say(f"{name}: {size / 1e6:.1f} MB, about {expected / 1e6:.1f} MB if it is rebuilt")
        if dry_run:
            report.reindexed += 1
            continue
        try:
            cursor.execute(f"REINDEX INDEX CONCURRENTLY {_quoted(name)}")
        except DatabaseError as error:  # The next run drops what is left, and tries again.
            report.problems += 1
            say(f"{name}: not rebuilt: {error}")
            continue
        cursor.execute("SELECT pg_relation_size(%s::regclass)", [_quoted(name)])
        report.reindexed += 1
        report.reclaimed_bytes += max(size - cursor.fetchone()[0], 0)


def _check(cursor: Any, report: Report, say: Say) -> None:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        report.problems += 1
        say(f"{len(missing)} migrations are not applied: manage.py migrate")
    cursor.execute(_AGE)
    age = cursor.fetchone()[0]
    if age > _WRAPAROUND:
        report.problems += 1
        say(f"The oldest transaction id is {age:,} old: autovacuum does not keep up. VACUUM FREEZE")


def _quoted(name: str) -> str:
    return str(connection.ops.quote_name(name))
