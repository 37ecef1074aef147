"""Reading what was used: filtered, summed by group, or page by page for an export."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import CharField, Count, F, Q, QuerySet, Sum
from django.db.models.functions import Cast, Coalesce, TruncDate

from tokens.models import UsageRecord

Group = Literal["day", "model", "provider", "key"]

PAGE = 2000

_SUMS = {
    "requests": Count("id"),
    **{
        name: Coalesce(Sum(name), 0)
        for name in (
            "prompt_tokens",
            "completion_tokens",
            "cached_tokens",
            "reasoning_tokens",
            "charged",
        )
    },
    "cost": Sum(Coalesce("upstream_cost", "cost")),
}
_BY = {
    "day": TruncDate("created_at"),
    "model": F("model"),
    "provider": F("provider"),
    "key": Cast("api_key", CharField()),
}


@dataclass(frozen=True)
class Filter:
    """Which of a user's records; None is any. ``since`` is included, ``until`` is not."""

    since: datetime | None = None
    until: datetime | None = None
    model: str | None = None
    provider: str | None = None
    key: UUID | None = None
    status: str | None = None


_LOOKUPS = {
    "since": "created_at__gte",
    "until": "created_at__lt",
    "model": "model",
    "provider": "provider",
    "key": "api_key",
    "status": "status",
}


def records(user_id: int, wanted: Filter) -> QuerySet[UsageRecord]:
    """Return the user's records that match."""
    given = ((field.name, getattr(wanted, field.name)) for field in fields(wanted))
    lookups = {_LOOKUPS[name]: value for name, value in given if value is not None}
    return UsageRecord.objects.filter(user_id=user_id, **lookups)


def sums(user_id: int, wanted: Filter, group: Group) -> QuerySet[Any, Any]:
    """Sum the records by day (UTC), the oldest first, or by what used the most."""
    order = ("group",) if group == "day" else ("-charged", "group")
    by_group = records(user_id, wanted).order_by().annotate(group=_BY[group]).values("group")
    return by_group.annotate(**_SUMS).order_by(*order)


def pages(user_id: int, wanted: Filter) -> Iterator[list[UsageRecord]]:
    """Walk through all records that match, newest first, ``PAGE`` at a time."""
    rest = records(user_id, wanted).order_by("-created_at", "-id")
    page = list(rest[:PAGE])
    while page:
        yield page
        last = page[-1]
        older = Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, id__lt=last.id)
        page = list(rest.filter(older)[:PAGE])
