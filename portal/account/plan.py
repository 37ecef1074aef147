"""The plan: comparing, subscribing, changing with the cost shown before, canceling, invoices."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.web.pages import visitor
from billing.api import pages_url
from billing.models import Interval, Invoice
from billing.stripe import gateway
from billing.subscriptions import changes, overview, subscribing
from core.errors import ApiError
from portal.offers import offers
from tokens.tiers import DEFAULT_TIER

_INVOICES = 24


@login_required
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Compare the plans, and show what was billed."""
    user = visitor(request)
    row = subscribing.current(user)
    interval = _interval(request.GET.get("interval") or (row.interval if row else ""))
    facts = {
        "current": overview.current(user),
        "usage": overview.usage(user),
        "row": row,
        "pay_at": row and subscribing.pay_at(row),
        "interval": interval,
        "offers": offers(overview.price_list(user, interval=interval), interval),
        "sells": gateway.is_set_up(),
        "free": DEFAULT_TIER,
        "invoices": Invoice.objects.filter(subscription__user=user)[:_INVOICES],
    }
    return render(request, "portal/plan.html", facts)


@login_required
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """Show what a change costs and brings, and then do it."""
    user = visitor(request)
    asked = request.POST if request.method == "POST" else request.GET
    name, interval = asked.get("plan", "")[:50], _interval(asked.get("interval"))
    wanted = next(
        (each for each in overview.price_list(user, interval=interval) if each.pk == name), None
    )
    if wanted is None:
        raise Http404
    if request.method == "POST":
        return _change(request, user, plan=name, interval=interval)
    facts = {
        "plan": wanted,
        "interval": interval,
        "amount": wanted.amount(interval),
        "comparison": wanted.comparison,  # type: ignore[attr-defined]
        "current": overview.current(user),
        "subscribed": subscribing.current(user) is not None,
        "ends": name == DEFAULT_TIER,
    }
    return render(request, "portal/plan_change.html", facts)


@require_POST
@login_required
def resume(request: HttpRequest) -> HttpResponse:
    """Remove a scheduled change or cancellation."""
    try:
        changes.resume(visitor(request))
    except ApiError as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("Your plan continues as it is."))
    return redirect("portal_plan")


@require_POST
@login_required
def portal(request: HttpRequest) -> HttpResponse:
    """Lead to Stripe's page for cards and addresses."""
    try:
        return redirect(subscribing.portal(visitor(request), pages=pages_url(request)))
    except ApiError as refused:
        messages.error(request, refused.message)
    return redirect("portal_plan")


def _change(request: HttpRequest, user: User, *, plan: str, interval: str) -> HttpResponse:
    try:
        outcome = _do_change(request, user, plan=plan, interval=interval)
    except ApiError as refused:
        messages.error(request, refused.message)
        return redirect("portal_plan")
    if outcome.checkout_url:
        return redirect(outcome.checkout_url)
    if outcome.client_secret and (pay_at := subscribing.pay_at(outcome.subscription)):
        return redirect(pay_at)
    messages.success(request, _message(outcome))
    return redirect("portal_plan")


def _do_change(
    request: HttpRequest, user: User, *, plan: str, interval: str
) -> subscribing.Outcome:
    if subscribing.current(user) is not None:
        return changes.change(user, plan=plan, interval=interval)
    return subscribing.subscribe(
        user,
        plan=plan,
        interval=interval,
        payment_method=None,
        promotion_code=None,
        pages=pages_url(request),
    )


def _message(outcome: subscribing.Outcome) -> str:
    row = outcome.subscription
    if row.cancel_at_period_end:
        return _("Your plan is canceled. You keep it until the period ends.")
    if row.next_plan_id:
        return _("Your plan changes when the period ends.")
    return _("Your plan was changed.")


def _interval(given: str | None) -> str:
    return Interval.YEAR if given == Interval.YEAR else Interval.MONTH
