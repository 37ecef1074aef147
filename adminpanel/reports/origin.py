"""Where a page reads the usage of all users: ClickHouse, if its copy is fresh, else PostgreSQL.

``reads`` chooses once for a view, so that a page does not change between them. Periods that begin
before the days that ClickHouse has are read from PostgreSQL.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from django.conf import settings

from tokens.analytics import figures, warehouse
from tokens.analytics.figures import ClickHouseUsage
from tokens.usage import queries, totals
from tokens.usage.queries import Sums, TopBy
from tokens.usage.totals import DayTotals, Dimension, KeyTotals

P = ParamSpec("P")
T = TypeVar("T")

_chosen: ContextVar[ClickHouseUsage | None] = ContextVar("usage_in_clickhouse", default=None)


@dataclass(frozen=True)
class Origin:
    """What a page says about its usage. ``as_of``: nothing later is in it; None: it is of now."""

    name: str
    as_of: datetime | None


def reads(view: Callable[P, T]) -> Callable[P, T]:
    """Have a function that only reads do so from ClickHouse, if that has what is needed.

    It must be safe to call twice: if ClickHouse fails meanwhile, it is called again, and reads from
    PostgreSQL.
    """

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        found = figures.current()
        if found is None:
            return view(*args, **kwargs)
        token = _chosen.set(found)
        try:
            return view(*args, **kwargs)
        except warehouse.Unavailable:
            pass  # it is left out for a while, and that was logged
        finally:
            _chosen.reset(token)
        return view(*args, **kwargs)

    return wrapped


def of(since: date) -> Origin | None:
    """Return where usage since a day is read from; None if there is no choice."""
    if not settings.CLICKHOUSE_URL:
        return None
    found = _copy(since)
    return Origin("ClickHouse", found.as_of) if found else Origin("PostgreSQL", None)


def by_day(dimension: Dimension, *, since: date, until: date) -> list[DayTotals]:
    """Return the sums of each day and key (``until`` is exclusive), ordered by day and key."""
    found = _copy(since)
    return (found.by_day if found else totals.by_day)(dimension, since=since, until=until)


def by_key(dimension: Dimension, *, since: date, until: date) -> list[KeyTotals]:
    """Sum the days of a period (``until`` is exclusive) by key, largest charge first."""
    found = _copy(since)
    return (found.by_key if found else totals.by_key)(dimension, since=since, until=until)


def active_users(*, since: date, until: date) -> int:
    """Count the users with a request in the days (``until`` is exclusive)."""
    found = _copy(since)
    return (found.active_users if found else totals.active_users)(since=since, until=until)


def top_users(*, since: date, until: date, at_most: int, by: TopBy = "charged") -> dict[int, Sums]:
    """Return the sums of the users with the largest charges, or costs, by id, largest first."""
    found = _copy(since)
    read = found.top_users if found else queries.top_users
    return read(since=since, until=until, at_most=at_most, by=by)


def _copy(since: date) -> ClickHouseUsage | None:
    found = _chosen.get()
    return found if found and found.covers(since) else None
