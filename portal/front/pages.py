"""The public front: what this is, prices, and what the operator has to say."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from billing.models import Interval
from billing.subscriptions import overview
from llmproxy.catalog.snapshot import catalog
from portal.offers import offers


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Say what this is, what it costs, and how to start."""
    models = [model for model in catalog.latest().models.values() if model.routes]
    facts = {
        "offers": offers(overview.price_list(None), Interval.MONTH),
        "models": len(models),
        "interval": Interval.MONTH,
    }
    return render(request, "portal/front/home.html", facts)


@require_safe
def pricing(request: HttpRequest) -> HttpResponse:
    """Show the plans side by side, monthly or yearly."""
    interval = Interval.YEAR if request.GET.get("interval") == Interval.YEAR else Interval.MONTH
    plans = overview.price_list(None)
    facts = {"offers": offers(plans, interval), "interval": interval}
    return render(request, "portal/front/pricing.html", facts)


@require_safe
def terms(request: HttpRequest) -> HttpResponse:
    """Show the terms: the operator's template, or what can be said without one."""
    return render(request, "portal/front/terms.html", _operator())


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Show what is stored about users, and the operator's own words."""
    return render(request, "portal/front/privacy.html", _operator())


def _operator() -> dict[str, object]:
    days: int = settings.USAGE_RETENTION_DAYS
    return {"operator": settings.SITE_OPERATOR, "contact": settings.SITE_CONTACT, "days": days}
