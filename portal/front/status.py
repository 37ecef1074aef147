"""The status page: the providers now and in the last days, and what staff say about outages."""

from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from llmproxy.models import Incident
from llmproxy.routing import health, history
from llmproxy.routing.history import Day

_INCIDENTS_FOR = timedelta(days=90)


@dataclass(frozen=True)
class Shown:
    """A provider: its state now, and its days. ``percent``: of observations with an answer."""

    name: str
    state: str
    days: list[Day]
    percent: float | None


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Draw the page. It describes this moment as the web workers see it."""
    states = health.states()
    days = history.days_of_all()
    providers = [_shown(name, state, days[name]) for name, state in states.items()]
    since = timezone.now() - _INCIDENTS_FOR
    incidents = list(Incident.objects.filter(started_at__gte=since))
    site = history.days_of_site()
    facts = {
        "site": _shown("", "", site) if site else None,
        "providers": providers,
        "overall": _overall(list(states.values()), incidents),
        "open": [incident for incident in incidents if incident.ended_at is None],
        "incidents": [incident for incident in incidents if incident.ended_at],
        "count": history.DAYS,
    }
    return render(request, "portal/front/status.html", facts)


def _shown(name: str, state: str, days: list[Day]) -> Shown:
    share = history.uptime(days)
    return Shown(name, state, days, None if share is None else round(100 * share, 2))


def _overall(states: list[str], incidents: list[Incident]) -> str:
    """Return `up` if requests are served as usual, `degraded`, or `down` if nobody serves them."""
    serving = [state for state in states if state in ("up", "degraded")]
    if not serving:
        return "down"
    if any(incident.ended_at is None for incident in incidents):
        return "degraded"
    return "up" if all(state in ("up", "off") for state in states) else "degraded"
