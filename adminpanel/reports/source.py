"""Where reports read usage: ClickHouse if its copy is fresh, else the daily sums of PostgreSQL.

A page opens one source, within ``snapshot``, and passes it to all its reports. So its figures are
of one moment and agree with each other.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import wraps
from typing import ParamSpec, Protocol, TypeVar

from django.conf import settings
from django.utils import timezone

from core.database import one_snapshot
from tokens.analytics import figures, warehouse
from tokens.analytics.figures import ClickHouseUsage
from tokens.models import UsageRecord
from tokens.usage import by_user, totals
from tokens.usage.by_user import TopBy, UserTotals
from tokens.usage.totals import Coverage, DayTotals, Dimension, KeyTotals

P = ParamSpec("P")
T = TypeVar("T")

LATE = timedelta(minutes=15)
"""Sums that are older than three runs of their task: it does not run."""


def snapshot() -> AbstractContextManager[None]:
    """Have all that a page reads be of one moment."""
    return one_snapshot(UsageRecord)


class UsageSource(Protocol):
    """Sums of the usage of all users by day (UTC); ``until`` is exclusive everywhere."""

    @property
    def name(self) -> str:
        """Of the database."""

    @property
    def open_from(self) -> date:
        """The first day whose figures may still change."""

    @property
    def as_of(self) -> datetime:
        """The figures have every request whose record had been written then."""

    def by_day(self, dimension: Dimension, *, since: date, until: date) -> list[DayTotals]:
        """Return a row for each day and key with a request, ordered by day and key.

        The keys of ``all`` are "".
        """

    def by_key(self, dimension: Dimension, *, since: date, until: date) -> list[KeyTotals]:
        """Return a row for each key with a request: the sums of all days, largest charge first."""

    def active_users(self, *, since: date, until: date) -> int:
        """Count the users with a request."""

    def top_users(self, *, since: date, until: date, at_most: int, by: TopBy) -> list[UserTotals]:
        """Return the users with the largest charges or costs, largest first."""

    def coverage(self) -> Coverage:
        """Tell statements that join usage with revenue in PostgreSQL which days it has summed."""


@dataclass(frozen=True)
class PostgresUsage:
    """The sums that PostgreSQL has, and the records of open days where these are few."""

    covered: Coverage
    name: str = "PostgreSQL"

    @property
    def open_from(self) -> date:
        return self.covered.open_from

    @property
    def as_of(self) -> datetime:
        return self.covered.as_of

    def by_day(self, dimension: Dimension, *, since: date, until: date) -> list[DayTotals]:
        return totals.by_day(dimension, since=since, until=until, covered=self.covered)

    def by_key(self, dimension: Dimension, *, since: date, until: date) -> list[KeyTotals]:
        return totals.by_key(dimension, since=since, until=until, covered=self.covered)

    def active_users(self, *, since: date, until: date) -> int:
        return by_user.active_users(since=since, until=until, covered=self.covered)

    def top_users(self, *, since: date, until: date, at_most: int, by: TopBy) -> list[UserTotals]:
        return by_user.top_users(
            since=since, until=until, at_most=at_most, by=by, covered=self.covered
        )

    def coverage(self) -> Coverage:
        return self.covered


@dataclass(frozen=True)
class CopiedUsage:
    """The copy in ClickHouse. Periods that begin before it are read from PostgreSQL."""

    copy: ClickHouseUsage
    before: PostgresUsage
    name: str = "ClickHouse"

    @property
    def open_from(self) -> date:
        return self.before.open_from

    @property
    def as_of(self) -> datetime:
        return min(self.copy.as_of, self.before.as_of)

    def by_day(self, dimension: Dimension, *, since: date, until: date) -> list[DayTotals]:
        return self._of(since).by_day(dimension, since=since, until=until)

    def by_key(self, dimension: Dimension, *, since: date, until: date) -> list[KeyTotals]:
        return self._of(since).by_key(dimension, since=since, until=until)

    def active_users(self, *, since: date, until: date) -> int:
        return self._of(since).active_users(since=since, until=until)

    def top_users(self, *, since: date, until: date, at_most: int, by: TopBy) -> list[UserTotals]:
        return self._of(since).top_users(since=since, until=until, at_most=at_most, by=by)

    def coverage(self) -> Coverage:
        return self.before.coverage()

    def _of(self, since: date) -> ClickHouseUsage | PostgresUsage:
        return self.copy if self.copy.covers(since) else self.before


def open_source() -> UsageSource:
    """Return the source to read with now."""
    before, copy = PostgresUsage(totals.coverage()), figures.current()
    return CopiedUsage(copy, before) if copy else before


def reads_again(view: Callable[P, T]) -> Callable[P, T]:
    """Have a view that only reads called again if ClickHouse fails: then it reads PostgreSQL."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return view(*args, **kwargs)
        except warehouse.Unavailable:
            return view(*args, **kwargs)  # ClickHouse is left out for a while

    return wrapped


@dataclass(frozen=True)
class AsOf:
    """As of when the figures of a page are."""

    moment: datetime
    is_late: bool
    """Whether the sums are older than they should be."""
    source: str
    """The database that they are read from; empty if there is only one."""


def as_of(source: UsageSource, *, until: date) -> AsOf | None:
    """Return as of when the figures of the days before ``until`` are; None if they are final."""
    if until <= source.open_from:
        return None
    summed_at = source.coverage().summed_at
    is_late = summed_at is not None and timezone.now() - summed_at > LATE
    return AsOf(source.as_of, is_late, source.name if settings.CLICKHOUSE_URL else "")
