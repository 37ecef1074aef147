"""Reading from a standby of the database (DATABASE_REPLICA_URL), without ever reading old data.

A view with ``reads`` reads from the standby if that has replayed all that the primary had when the
view began. So everybody sees what they wrote before. If the standby does not catch up within
DATABASE_REPLICA_MAX_LAG seconds, or is away, the view reads from the primary.
https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL
"""

import time
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import psycopg
import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections

from core.instruments import Counter, of

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger("tokengate.database")

REPLICA = "replica"
READS = Counter(
    "tokengate_replica_reads_total",
    "Views that may read from the standby, by whether they did.",
    ("outcome",),
)
_AWAY_SECONDS = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
_LOST = (OperationalError, InterfaceError, psycopg.OperationalError)
_REPLAYED = "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= %s::pg_lsn"

_reading: ContextVar[bool] = ContextVar("reads_from_replica", default=False)


class _Replica:
    """Until when the standby is taken to be away or too late, so that nobody waits for it."""

    away_until = 0.0


_state = _Replica()


class Router:
    """Django's database router (DATABASE_ROUTERS): reads of ``reads`` go to the standby."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return REPLICA if _reading.get() else None

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return True  # the rows are the same

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == REPLICA else None


def reads(view: Callable[P, T]) -> Callable[P, T]:
    """Have a function that only reads do so from the standby, if it has all that is needed.

    It must be safe to call twice: if the standby fails meanwhile, it is called again, and reads
    from the primary.
    """

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        if not _can_be_read():
            return view(*args, **kwargs)
        token = _reading.set(True)
        try:
            return view(*args, **kwargs)
        except _LOST as error:
            _leave_out("failed", error)
        finally:
            _reading.reset(token)
        return view(*args, **kwargs)

    return wrapped


def _can_be_read() -> bool:
    """Return whether the standby has replayed all that the primary has now."""
    if REPLICA not in connections.settings:
        return False
    if time.monotonic() < _state.away_until:
        of(READS, "away").inc()
        return False
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_flush_lsn()::text")
        place = cursor.fetchone()[0]
    try:
        fresh = _replays(place, within=settings.DATABASE_REPLICA_MAX_LAG)
    except _LOST as error:
        _leave_out("away", error)
        return False
    if not fresh:
        _leave_out("late", None)
        return False
    of(READS, "used").inc()
    return True


def _replays(place: str, *, within: float) -> bool:
    """Wait until the standby has replayed the WAL up to a place; False if the time is over."""
    deadline, pause = time.monotonic() + within, _FIRST_PAUSE
    with connections[REPLICA].cursor() as cursor:
        while True:
            cursor.execute(_REPLAYED, [place])
            if cursor.fetchone()[0]:
                return True
            if time.monotonic() + pause > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _leave_out(outcome: str, error: Exception | None) -> None:
    """Read from the primary only, for a while."""
    of(READS, outcome).inc()
    _state.away_until = time.monotonic() + _AWAY_SECONDS
    connections[REPLICA].close()
    log.warning("replica_not_read", outcome=outcome, error=repr(error) if error else None)
