"""Turning the automatic purchase of tokens on and off."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from accounts.throttling import attempts
from accounts.web.pages import visitor
from billing.models import AutomaticTopUp, Pack
from billing.stripe import gateway
from billing.topups import automatic, crediting
from core import currencies
from core.errors import ApiError
from core.templatetags.site import money, number

_MOST_CENTS = 10_000_000


class AutomaticForm(forms.Form):
    """Which pack, when, and how much of it in a month; with the user's consent."""

    pack: Any = forms.ModelChoiceField(label=gettext_lazy("Buy"), queryset=None, empty_label=None)
    threshold = forms.IntegerField(
        label=gettext_lazy("When fewer tokens are left than"), min_value=1
    )
    monthly_ceiling = forms.DecimalField(
        label=gettext_lazy("At most in a calendar month"), decimal_places=2, max_digits=10
    )
    consent = forms.BooleanField(
        label=gettext_lazy(
            "I agree that my saved card is charged for this pack, without asking me each time,"
            " whenever fewer tokens are left, up to this amount in a calendar month (UTC)."
            " I can turn this off here at any time."
        ),
        error_messages={"required": gettext_lazy("Check this box to agree.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        packs: Any = self.fields["pack"]
        packs.queryset = crediting.on_sale()
        packs.label_from_instance = _described
        first = crediting.on_sale().first()
        code = first.currency if first else "usd"
        ceiling: Any = self.fields["monthly_ceiling"]
        ceiling.decimal_places = currencies.decimals(code)
        ceiling.help_text = code.upper()

    def clean(self) -> dict[str, Any]:
        """Explain in the visitor's language what would be refused."""
        data = super().clean() or {}
        pack: Pack | None = data.get("pack")
        if pack is None:
            return data
        ceiling, threshold = data.get("monthly_ceiling"), data.get("threshold")
        if ceiling is not None and ceiling < currencies.units(pack.price, pack.currency):
            self.add_error("monthly_ceiling", _("This is less than the pack costs."))
        if threshold is not None and threshold > pack.tokens:
            self.add_error("threshold", _("This is more than the pack has tokens."))
        return data

    def arguments(self) -> dict[str, Any]:
        """Return the settings, with the ceiling in the currency's smallest unit."""
        pack: Pack = self.cleaned_data["pack"]
        ceiling: Decimal = self.cleaned_data["monthly_ceiling"]
        cents = int(ceiling.scaleb(currencies.decimals(pack.currency)))
        return {
            "pack": pack.pk,
            "threshold": self.cleaned_data["threshold"],
            "monthly_ceiling": max(0, min(cents, _MOST_CENTS)),
        }


@login_required
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """Show the settings with the card that would be charged, and store what the user agrees to."""
    user = visitor(request)
    attempts.count_card_lookup(request, user=user)
    found = automatic.current(user)
    form = AutomaticForm(request.POST or None, initial=_initial(found))
    if request.method == "POST" and form.is_valid():
        try:
            automatic.turn_on(user, **form.arguments())
        except ApiError as refused:
            form.add_error(None, str(refused.message))
        else:
            messages.success(request, _("The automatic top-up is on."))
            return redirect("portal_tokens")
    facts = {"form": form, "found": found, **_card(user), "sells": gateway.is_set_up()}
    return render(request, "portal/automatic.html", facts)


@require_POST
@login_required
def turn_off(request: HttpRequest) -> HttpResponse:
    """Buy no more."""
    automatic.turn_off(visitor(request))
    messages.success(request, _("The automatic top-up is off."))
    return redirect("portal_tokens")


def _card(user: User) -> dict[str, Any]:
    """Return the card's brand, last digits and expiry; or that Stripe does not answer."""
    try:
        found = automatic.card_of(user) if gateway.is_set_up() else None
    except ApiError:
        return {"card": None, "stripe_is_away": True}
    return {"card": found["card"] if found else None, "stripe_is_away": False}


def _initial(found: AutomaticTopUp | None) -> dict[str, Any]:
    if found is None:
        return {}
    ceiling = currencies.units(found.monthly_ceiling, found.currency)
    return {"pack": found.pack_id, "threshold": found.threshold, "monthly_ceiling": ceiling}


def _described(pack: Pack) -> str:
    tokens, price = number(pack.tokens), money(pack.price, pack.currency)
    return _("%(tokens)s tokens for %(price)s") % {"tokens": tokens, "price": price}
