"""The billing pages: choosing a plan, and the return from Stripe's pages.

The pages link to Stripe instead of redirecting: browsers apply `form-action` to redirects after a
form, and our policy allows only this site.
"""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.web.error_pages import error_page
from billing.api import pages_url
from billing.models import Interval, Price
from billing.stripe import gateway
from billing.subscriptions import overview, subscribing
from core.errors import ApiError


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Show the plans, and which of them is the caller's."""
    prices = Price.objects.filter(active=True, plan__public=True).select_related("plan__tier")
    row = subscribing.current(_user(request))
    facts = {
        "current": overview.current(_user(request)),
        "usage": overview.usage(_user(request)),
        "prices": prices.order_by("plan__position", "interval"),
        "sells": gateway.is_set_up(),
        "subscribed": row is not None,
        "next_plan": row and row.next_plan,
        "pay_at": row and subscribing.pay_at(row),
    }
    return render(request, "billing/home.html", facts)


@require_POST
@login_required
def subscribe(request: HttpRequest) -> HttpResponse:
    """Link to Stripe's Checkout page."""
    interval = request.POST.get("interval", "")
    asked: dict[str, Any] = {
        "plan": request.POST.get("plan", "")[:50],
        "interval": interval if interval in Interval.values else Interval.MONTH,
        "payment_method": None,
        "promotion_code": None,
        "pages": pages_url(request),
    }
    try:
        outcome = subscribing.subscribe(_user(request), **asked)
    except ApiError as failed:
        return _refusal(request, failed)
    return _onwards(request, outcome.checkout_url or "", title="Pay at Stripe")


@require_POST
@login_required
def portal(request: HttpRequest) -> HttpResponse:
    """Link to Stripe's portal."""
    try:
        url = subscribing.portal(_user(request), pages=pages_url(request))
    except ApiError as failed:
        return _refusal(request, failed)
    return _onwards(request, url, title="Cards and invoices")


def success(request: HttpRequest) -> HttpResponse:
    """Show a confirmation. Stripe's events, not this page, say whether the payment succeeded."""
    return render(request, "billing/success.html")


def cancelled(request: HttpRequest) -> HttpResponse:
    """Show a page to users who canceled at Stripe."""
    return render(request, "billing/cancelled.html")


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _onwards(request: HttpRequest, url: str, *, title: str) -> HttpResponse:
    return render(request, "billing/onwards.html", {"url": url, "title": title})


def _refusal(request: HttpRequest, failed: ApiError) -> HttpResponse:
    title = "This did not work"
    return error_page(request, status=failed.status, title=title, hint=failed.message)
