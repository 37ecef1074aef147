"""Buying tokens beside the plan, and what was bought."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.web.pages import visitor
from billing.api import pages_url
from billing.models import TopUp
from billing.stripe import gateway
from billing.topups import automatic, buying, crediting, refunds
from core.errors import ApiError
from tokens.ledger import open_account

_SHOWN = 50


@login_required
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Offer the packs, and list what was bought, with what is left of it."""
    user = visitor(request)
    bought = list(user.top_ups.exclude(status=TopUp.Status.EXPIRED)[:_SHOWN])
    left = refunds.left_of(bought)
    facts = {
        "packs": crediting.on_sale(),
        "sells": gateway.is_set_up(),
        "bought": [(row, left[row.pk]) for row in bought],
        "balance": open_account(user.pk),
        "automatic": automatic.current(user),
        "spent": automatic.spent_this_month(user),
    }
    return render(request, "portal/tokens.html", facts)


@require_POST
@login_required
def buy(request: HttpRequest) -> HttpResponse:
    """Lead to Stripe's Checkout page for a pack."""
    try:
        pack = request.POST.get("pack", "")[:50]
        return redirect(buying.buy(visitor(request), pack=pack, pages=pages_url(request)))
    except ApiError as refused:
        messages.error(request, refused.message)
    return redirect("portal_tokens")
