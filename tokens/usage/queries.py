"""Queries of usage: filtered, summed by group, or page by page for an export."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, TypedDict
from uuid import UUID

from django.db.models import F, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from tokens.models import DailyUsage, UsageRecord
from tokens.periods import midnight
from tokens.usage.totals import closed_until

Group = Literal["day", "model", "provider", "key", "session", "task"]

PAGE = 2000
# These have no index: clients request them within seconds.
_UPSTREAM_IDS_FOR = timedelta(hours=1)

_TOKENS = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "charged",
)
_GROUPS = {
    "day": F("day"),
    "model": F("model"),
    "provider": F("provider"),
    "key": F("api_key"),
    "session": F("session"),
    "task": F("task"),
    "user": F("user_id"),
}


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Sums of a user's requests in one group."""

    group: date | str | int | None
    """The day, the model's, provider's, session's or task's name, or the id of the key or user.

    None where the requests had none.
    """
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    charged: int = 0
    cost: Decimal | None = None
    """The provider's cost in USD; None if it is known for none of the requests."""

    def __add__(self, other: "Sums") -> "Sums":
        known = [cost for cost in (self.cost, other.cost) if cost is not None]
        counts = ("requests", *_TOKENS)
        return Sums(
            group=self.group,
            cost=sum(known, Decimal(0)) if known else None,
            **{name: getattr(self, name) + getattr(other, name) for name in counts},
        )


@dataclass(frozen=True)
class Filter:
    """A filter for a user's records; None is any. ``since`` is inclusive, ``until`` exclusive."""

    since: datetime | None = None
    until: datetime | None = None
    model: str | None = None
    provider: str | None = None
    key: UUID | None = None
    status: str | None = None
    session: str | None = None
    task: str | None = None

    @property
    def is_of_records(self) -> bool:
        """Return whether records are needed: daily sums have no sessions and tasks."""
        return bool(self.session or self.task)


_LOOKUPS = {
    "since": "created_at__gte",
    "until": "created_at__lt",
    "model": "model",
    "provider": "provider",
    "key": "api_key",
    "status": "status",
    "session": "session",
    "task": "task",
}


def records(user_id: int, wanted: Filter) -> QuerySet[UsageRecord]:
    """Return the user's records that match."""
    return UsageRecord.objects.filter(user_id=user_id, **_lookups(wanted))


def receipt(user_id: int, name: str) -> UsageRecord | None:
    """Return the user's latest record with this request id, else the record with this id."""
    mine = UsageRecord.objects.filter(user_id=user_id)
    by_request = mine.filter(request_id=name).order_by("-created_at").first()
    try:
        return by_request or mine.filter(pk=UUID(name)).first()
    except ValueError:
        return None


def by_upstream_id(user_id: int, name: str) -> UsageRecord | None:
    """Return the user's latest record with this id of the provider."""
    recent = timezone.now() - _UPSTREAM_IDS_FOR
    mine = UsageRecord.objects.filter(user_id=user_id, created_at__gte=recent)
    return mine.filter(upstream_id=name).order_by("-created_at").first()


def charged_this_month(user_id: int, key: UUID) -> int:
    """Return the tokens charged to a key in this calendar month (UTC)."""
    today = timezone.now().astimezone(UTC).date()
    wanted = Filter(since=midnight(today.replace(day=1)), key=key)
    return sum(found.charged for found in sums(user_id, wanted, "key"))


def _lookups(wanted: Filter) -> dict[str, Any]:
    given = ((field.name, getattr(wanted, field.name)) for field in fields(wanted))
    return {_LOOKUPS[name]: value for name, value in given if value is not None}


def sums(user_id: int, wanted: Filter, group: Group) -> list[Sums]:
    """Sum the records by day (UTC), oldest first, or by another group, largest charge first.

    Whole closed days are read from their sums, the rest from the records. Filters by session or
    task read only the records, as long as these are kept.
    """
    merged: dict[Any, Sums] = {}
    of_records = wanted.is_of_records or group in ("session", "task")
    parts = [_as_days(records(user_id, wanted))] if of_records else _parts(user_id, wanted)
    for part in parts:
        for found in _by_group(part, group):
            merged[found.group] = merged.get(found.group, Sums(group=found.group)) + found
    if group == "day":
        return [merged[day] for day in sorted(merged)]
    return sorted(merged.values(), key=lambda found: (-found.charged, str(found.group or "")))


def _parts(user_id: int, wanted: Filter) -> list[QuerySet[Any]]:
    """Return the sources that together contain all matches: sums of closed days, and records."""
    first, last = _whole_days(wanted)
    if first >= last:
        return [_as_days(records(user_id, wanted))]
    days = DailyUsage.objects.filter(user_id=user_id, day__gte=first, day__lt=last)
    start, end = midnight(first), midnight(last)
    parts: list[QuerySet[Any]] = [days.filter(**_lookups(replace(wanted, since=None, until=None)))]
    if wanted.since and wanted.since < start:
        parts.append(_as_days(records(user_id, replace(wanted, until=start))))
    if wanted.until is None or end < wanted.until:
        parts.append(_as_days(records(user_id, replace(wanted, since=end))))
    return parts


def _whole_days(wanted: Filter) -> tuple[date, date]:
    """Return the first closed day within the filter, and the day after the last one."""
    last = closed_until()
    if wanted.until:
        last = min(last, wanted.until.astimezone(UTC).date())
    if wanted.since is None:
        return date(1, 1, 2), last  # a day with a midnight in every time zone
    since = wanted.since.astimezone(UTC)
    return since.date() + timedelta(days=since.time() != time()), last


def _as_days(found: QuerySet[UsageRecord]) -> QuerySet[UsageRecord]:
    """Add the columns of daily sums that records do not have."""
    return found.annotate(
        day=TruncDate("created_at"),
        requests=Value(1),
        known_cost=Coalesce("upstream_cost", "cost"),
    )


def _cost_of(part: QuerySet[Any]) -> str:
    return "cost" if part.model is DailyUsage else "known_cost"


def _by_group(part: QuerySet[Any], group: str) -> Iterator[Sums]:
    cost = _cost_of(part)
    totals = {f"sum_of_{name}": Sum(name) for name in ("requests", *_TOKENS)}
    rows = part.order_by().annotate(group=_GROUPS[group]).values("group")
    for row in rows.annotate(**totals, sum_of_cost=Sum(cost)):
        key = str(row["group"]) if isinstance(row["group"], UUID) else row["group"]
        counts = {name: int(row[f"sum_of_{name}"]) for name in ("requests", *_TOKENS)}
        yield Sums(group=key, cost=row["sum_of_cost"], **counts)


class Place(TypedDict):
    """Where a record stands in a list, without its other columns."""

    created_at: datetime
    id: UUID


def page(user_id: int, wanted: Filter, after: Place | None) -> list[Place]:
    """Return the next places of matching records, newest first: ``PAGE`` of them at most."""
    rest = places(user_id, wanted)
    return list((rest if after is None else rest.filter(older_than(after)))[:PAGE])


def pages(user_id: int, wanted: Filter) -> Iterator[list[UsageRecord]]:
    """Yield all matching records, newest first, ``PAGE`` at a time."""
    after = None
    while found := page(user_id, wanted, after):
        yield at(found)
        after = found[-1]


def places(user_id: int, wanted: Filter) -> QuerySet[UsageRecord, Place]:
    """Return the places of matching records, newest first, from the index `usage_of_user_by_kind`.

    So only matching records are read, by `at`. The search ends at the first match in the daily
    sums, instead of at the user's first record.
    """
    found = records(user_id, wanted)
    if not wanted.is_of_records and _lookups(replace(wanted, since=None, until=None)):
        found = found.filter(created_at__gte=_first_match(user_id, wanted))
    return found.order_by("-created_at", "-id").values("created_at", "id")


def older_than(place: Place) -> Q:
    """Match the records that follow a place in the order of ``places``."""
    moment = place["created_at"]
    return Q(created_at__lt=moment) | Q(created_at=moment, id__lt=place["id"])


def _first_match(user_id: int, wanted: Filter) -> datetime:
    """Return a time before which no record matches."""
    first, last = _whole_days(wanted)
    days = DailyUsage.objects.filter(user_id=user_id, day__gte=first, day__lt=last)
    matching = days.filter(**_lookups(replace(wanted, since=None, until=None)))
    if wanted.since and wanted.since < midnight(first):
        return wanted.since  # a part of a day, which has no sums
    return midnight(matching.order_by("day").values_list("day", flat=True).first() or last)


def at(found: Sequence[Place]) -> list[UsageRecord]:
    """Fetch the records of ``places``, in the same order."""
    rows = UsageRecord.objects.in_bulk([place["id"] for place in found])
    return [rows[place["id"]] for place in found if place["id"] in rows]
