"""The proof that ClickHouse and PostgreSQL have the same sums, day by day.

Requests go on meanwhile: what is noted, and not yet fed, is left out of both. For that the lease is
held, so that no other process feeds between one sum and the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from core import operations
from tokens.analytics import copied, feed, warehouse
from tokens.analytics.copied import COMPARED, SUMMED, Row
from tokens.models import Aggregation, AnalyticsFeed, UsageRecord
from tokens.periods import midnight

_PENDING = """
    SELECT r.id FROM tokens_receiptchange c JOIN tokens_usagerecord r ON r.id = c.receipt
     WHERE r.created_at >= %(start)s AND r.created_at < %(end)s
     UNION
    SELECT c.receipt FROM tokens_receiptchange c
     WHERE c.receipt IS NOT NULL AND c.since >= %(start)s AND c.since < %(end)s
     UNION
    SELECT r.id FROM tokens_receiptchange c
      JOIN tokens_usagerecord r ON r.user_id = c.user_id AND r.created_at >= c.since
     WHERE c.receipt IS NULL AND r.created_at >= %(start)s AND r.created_at < %(end)s
"""
_SUMS = f"""
    SELECT {", ".join(COMPARED)}, count(), {", ".join(f"sum({name})" for name in SUMMED)},
           sum(ifNull(cost, 0)), sum(duration_ms)
      FROM {warehouse.RECEIPTS} FINAL
     WHERE {warehouse.OF_PERIOD}"""  # noqa: S608 - of constants

_GROUPS = f" GROUP BY {', '.join(COMPARED)}"
_WAIT_SECONDS = 60.0
# The text of a query of ClickHouse is limited to 256 KiB by default.
_MOST_PENDING = 5_000


class Busy(Exception):
    """Another process feeds, and did not end within a minute."""


@dataclass(frozen=True)
class Difference:
    """A sum that is not the same. A side without such receipts is None."""

    day: date
    of: Row
    """The values of ``COMPARED``."""
    in_postgresql: Row | None
    in_clickhouse: Row | None

    def __str__(self) -> str:
        named = ", ".join(f"{name}={value}" for name, value in zip(COMPARED, self.of, strict=True))
        return (
            f"{self.day} {named}: PostgreSQL has {_text(self.in_postgresql)},"
            f" ClickHouse has {_text(self.in_clickhouse)}"
        )


class Differs(Exception):
    """ClickHouse has other sums than PostgreSQL."""

    def __init__(self, differences: list[Difference]) -> None:
        super().__init__(f"{len(differences)} sums differ")
        self.differences = differences


def prove(*, since: date | None = None) -> int:
    """Compare all days, record the result for monitoring, and return how many days are equal.

    Raises ``Differs``, and what ``compare`` raises.
    """
    with operations.recorded("verify-analytics") as outcome:
        number, found = 0, []
        for _, differences in compare(since=since):
            number += 1
            found += differences
        if found:
            raise Differs(found)
        outcome.detail = f"The sums of {number} days are equal."
    return number


def days(*, since: date | None = None) -> list[date]:
    """Return the days that both have in full, or from a later day on; oldest first."""
    state = AnalyticsFeed.objects.first()
    oldest = UsageRecord.objects.aggregate(at=Min("created_at"))["at"]
    if oldest is None:
        return []
    starts = [oldest.astimezone(UTC).date(), since, _first_kept(), state and state.covers_from]
    first = max(day for day in starts if day)
    today = timezone.now().astimezone(UTC).date()
    return [first + timedelta(days=number) for number in range((today - first).days + 1)]


def compare(*, since: date | None = None) -> Iterator[tuple[date, list[Difference]]]:
    """Feed, and yield what differs on each day. Raises ``Busy``, and what ``feed`` raises."""
    with feed.leased(wait=_WAIT_SECONDS) as is_ours:
        if not is_ours:
            raise Busy("Another process feeds now. Try again in a minute.")
        feed.check()
        for day in days(since=since):
            yield day, _differences(day)


def _differences(day: date) -> list[Difference]:
    span: dict[str, Any] = {"start": midnight(day), "end": midnight(day + timedelta(days=1))}
    pending, ours = _in_postgresql(span)
    theirs = copied.split(warehouse.query(_SUMS + _but(pending) + _GROUPS, **span))
    return [
        Difference(day, of, ours.get(of), theirs.get(of))
        for of in sorted({*ours, *theirs}, key=str)
        if ours.get(of) != theirs.get(of)
    ]


def _in_postgresql(span: dict[str, Any]) -> tuple[list[UUID], dict[Row, Row]]:
    """Feed, and return what has changed since, and the sums of all else, as of one moment."""
    while True:
        feed.bring_up_to_date()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(_PENDING, span)
            pending: list[UUID] = [receipt for (receipt,) in cursor.fetchall()]
            if len(pending) <= _MOST_PENDING:
                return pending, copied.sums(**span, without=pending)


def _but(receipts: list[UUID]) -> str:
    if not receipts:
        return ""
    quoted = (f"'{receipt}'" for receipt in receipts)
    return f" AND id NOT IN ({', '.join(quoted)})"


def _first_kept() -> date | None:
    state = Aggregation.objects.first()
    return state.pruned_until if state else None


def _text(sums: Row | None) -> str:
    if sums is None:
        return "none"
    names = ("requests", *SUMMED, "cost", "duration_ms")
    return " ".join(f"{name}={value}" for name, value in zip(names, sums, strict=True))
