"""The page where the user code of a device is entered and confirmed (RFC 8628, 3.3)."""

from allauth.core import context
from allauth.core.internal import ratelimit
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.idp.oidc.forms import ConfirmCodeForm
from allauth.idp.oidc.internal.oauthlib import device_codes
from django import forms
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.flows.redemption import remember_granter, take_turns
from accounts.oidc.adapter import OpenIdAdapter
from accounts.web.error_pages import error_page
from accounts.web.pages import visitor


class UserCodeForm(ConfirmCodeForm):  # type: ignore[misc]
    """Finds the device that shows a code; counts the attempts of the user and their address."""

    code = forms.CharField(
        label="Code",
        max_length=40,
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "class": "code",
            }
        ),
        error_messages={"required": "Enter the code that your editor shows."},
    )

    def clean_code(self) -> str:
        letters = normalize_user_code(self.cleaned_data["code"]).upper()
        code = f"{letters[:4]}-{letters[4:]}"
        attempt = ratelimit.consume(
            context.request, app="allauth.idp.oidc", action="device_user_code", limit_get=True
        )
        if attempt is None:
            raise forms.ValidationError("Too many wrong codes. Wait a minute, then try again.")
        self.device_code, self.client = device_codes.validate_user_code(code)
        attempt.rollback()  # only misses count
        return code


@login_required
@require_http_methods(["GET", "POST"])
def device(request: HttpRequest) -> HttpResponse:
    """Ask for the code, then whether to let the device in. Only a POST decides."""
    given = request.POST if request.method == "POST" else request.GET
    if "code" not in given:
        return render(request, "accounts/device_code.html", {"form": UserCodeForm()})
    form = UserCodeForm(given)
    if not form.is_valid():
        return render(request, "accounts/device_code.html", {"form": form}, status=400)
    if request.method == "POST":
        return _decide(request, form)
    question = {
        "code": form.cleaned_data["code"],
        "client": form.client,
        "grants": _grants(form),
    }
    return render(request, "accounts/device_confirm.html", question)


def _grants(form: UserCodeForm) -> list[str]:
    """Return what the device asks for, in the words of the consent page."""
    asked = cache.get(device_codes.cache_device_code_key(form.device_code)) or {}
    scopes = asked.get("scope") or form.client.get_default_scopes()
    return [OpenIdAdapter.scope_display.get(scope, scope) for scope in scopes]


def _decide(request: HttpRequest, form: UserCodeForm) -> HttpResponse:
    confirmed = request.POST.get("action") == "confirm"
    with transaction.atomic():
        take_turns(form.device_code)
        remember_granter(form.device_code, visitor(request))
        in_time = device_codes.confirm_or_deny_device_code(
            request.user, form.device_code, confirm=confirmed
        )
    if not in_time:
        return error_page(request, status=400, title="This code has expired")
    outcome = {"client": form.client.name, "cancelled": not confirmed}
    return render(request, "accounts/handed_over.html", outcome)
