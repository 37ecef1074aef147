"""What was used: charts, receipts and CSV. The filters are in the URL."""

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.web.pages import visitor
from core import replica
from portal import drawing
from tokens.api.usage import UsageQuerySerializer, records_as_csv
from tokens.models import UsageRecord
from tokens.periods import midnight
from tokens.usage import queries
from tokens.usage.queries import Filter, Group, Place, Sums

_PAGE = 50
_RANKED = 10
_DAYS = 30
_MOST_COLUMNS = 92
_GROUPS: tuple[Group, ...] = ("day", "model", "key", "session")
_KNOWN_FOR = timedelta(days=90)


@dataclass(frozen=True)
class Ranked:
    """A row of a chart by model, key or session."""

    label: str
    charged: int
    requests: int
    share: float


@login_required
@require_safe
@replica.reads
def show(request: HttpRequest) -> HttpResponse:
    """Draw the chart and the receipts that match."""
    user = visitor(request)
    asked = _asked(request.GET)
    query = UsageQuerySerializer(data=asked)
    valid = query.is_valid()
    wanted: Filter = query.validated_data["wanted"] if valid else _default()
    group = _group(request.GET.get("by", ""))
    sums = queries.sums(user.pk, wanted, group)
    page, older = _page(user, wanted, request.GET.get("before", ""))
    columns = drawing.columns(_days(sums, wanted)) if group == "day" else []
    facts = {
        "errors": [] if valid else _messages(query.errors),
        "asked": asked,
        "group": group,
        "segments": [(name, label, _with(request, by=name)) for name, label in _labels()],
        "columns": columns,
        "top": max((column.value for column in columns), default=0),
        "ranked": [] if group == "day" else _ranked(user, sums, group),
        "others": max(0, len(sums) - _RANKED),
        "requests": sum(row.requests for row in sums),
        "charged": sum(row.charged for row in sums),
        "records": page,
        "keys": _key_names(user),
        "models": _models(user),
        "statuses": UsageRecord.Status.choices,
        "older": older and _with(request, before=older),
        "newest": _with(request, before="") if request.GET.get("before") else "",
        "csv": request.GET.urlencode(),
    }
    return render(request, "portal/usage.html", facts)


@login_required
@require_safe
def receipt(request: HttpRequest, name: str) -> HttpResponse:
    """Show one request in full."""
    found = queries.receipt(visitor(request).pk, name)
    if found is None:
        raise Http404
    keys = _key_names(visitor(request))
    facts = {"record": found, "key_name": keys.get(str(found.api_key), "")}
    return render(request, "portal/receipt.html", facts)


@login_required
@require_safe
def download(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Send all matching records as CSV; of filters that are not valid, the page tells why."""
    query = UsageQuerySerializer(data=_asked(request.GET))
    if not query.is_valid():
        return redirect(f"{reverse('portal_usage')}?{request.GET.urlencode()}")
    response = records_as_csv(visitor(request).pk, query.validated_data["wanted"])
    response.headers["Cache-Control"] = "no-store"
    return response


def _group(given: str) -> Group:
    return next((group for group in _GROUPS if group == given), "day")


def _asked(given: QueryDict) -> dict[str, str]:
    """Return the filters of the URL; without a range, the last days."""
    names = ("from", "to", "model", "key", "status", "session", "task")
    asked = {name: value for name in names if (value := given.get(name, "").strip())}
    if not asked.get("from") and not asked.get("to"):
        asked["from"] = _first_day().isoformat()
    return asked


def _first_day() -> date:
    return timezone.now().astimezone(UTC).date() - timedelta(days=_DAYS - 1)


def _default() -> Filter:
    return Filter(since=midnight(_first_day()))


def _messages(errors: Any) -> list[str]:
    return [str(error) for found in errors.values() for error in found]


def _labels() -> list[tuple[Group, str]]:
    return [
        ("day", _("By day")),
        ("model", _("By model")),
        ("key", _("By key")),
        ("session", _("By session")),
    ]


def _with(request: HttpRequest, **changes: str) -> str:
    """Return this page's query with some parameters changed; the page of receipts begins anew."""
    kept = {name: str(value) for name, value in request.GET.items() if name != "before"} | changes
    return f"?{urlencode({name: value for name, value in kept.items() if value})}"


def _days(sums: list[Sums], wanted: Filter) -> list[tuple[str, int]]:
    """Return every day of the range, also those without requests; of long ranges, the last ones."""
    by_day = {row.group: row.charged for row in sums if isinstance(row.group, date)}
    today = timezone.now().astimezone(UTC).date()
    end = (
        (wanted.until - timedelta(microseconds=1)).astimezone(UTC).date() if wanted.until else today
    )
    first = wanted.since.astimezone(UTC).date() if wanted.since else min(by_day, default=today)
    end = min(end, max(today, first))
    first = max(first, end - timedelta(days=_MOST_COLUMNS - 1))
    days = [first + timedelta(days=number) for number in range((end - first).days + 1)]
    return [(each.isoformat(), by_day.get(each, 0)) for each in days]


def _ranked(user: User, sums: list[Sums], group: Group) -> list[Ranked]:
    names = _key_names(user) if group == "key" else {}
    missing = {"key": _("Without a key"), "session": _("Without a session")}.get(group, "")
    top = sums[0].charged if sums else 0
    return [
        Ranked(
            names.get(str(row.group), str(row.group or missing)),
            row.charged,
            row.requests,
            drawing.share(row.charged, top),
        )
        for row in sums[:_RANKED]
    ]


def _key_names(user: User) -> dict[str, str]:
    """Return the name and beginning of each of the user's keys, by id."""
    rows = user.api_keys.order_by("-created_at").values_list("pk", "name", "prefix")
    return {str(pk): f"{name} ({prefix}…)" for pk, name, prefix in rows}


def _models(user: User) -> list[str]:
    wanted = Filter(since=timezone.now() - _KNOWN_FOR)
    return sorted(str(row.group) for row in queries.sums(user.pk, wanted, "model"))


def _page(user: User, wanted: Filter, before: str) -> tuple[list[UsageRecord], str]:
    """Return a page of receipts, and the place from which the next one goes on."""
    places = queries.places(user.pk, wanted)
    if place := _place(before):
        places = places.filter(queries.older_than(place))
    found = list(places[: _PAGE + 1])
    last = found[_PAGE - 1] if len(found) > _PAGE else None
    older = f"{last['created_at'].isoformat()}_{last['id']}" if last else ""
    return queries.at(found[:_PAGE]), older


def _place(text: str) -> Place | None:
    moment, _sep, record_id = text.partition("_")
    try:
        parsed = parse_datetime(moment)
        return {"created_at": parsed, "id": UUID(record_id)} if parsed and parsed.tzinfo else None
    except ValueError:
        return None
