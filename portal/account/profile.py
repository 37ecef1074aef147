"""The profile: name, language, time zone, email, the user's data, and deleting the account."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts import security_log
from accounts.errors import WrongPassword
from accounts.flows import deletion, passwords, profile, reauthentication
from accounts.models import User
from accounts.web import languages
from accounts.web.pages import visitor
from billing.subscriptions import subscribing
from core.pages.selects import LongSelect
from portal.account import export


class ProfileForm(forms.ModelForm[User]):
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    time_zone = forms.ChoiceField(
        label=gettext_lazy("Time zone"), required=False, widget=LongSelect
    )

    class Meta:
        model = User
        fields = ("name", "language", "time_zone", "mails_balance", "mails_unusual_usage")
        labels = {
            "name": gettext_lazy("Name"),
            "mails_balance": gettext_lazy("When 80 % and 100 % of my tokens are used"),
            "mails_unusual_usage": gettext_lazy("When an hour costs far more than usual"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        of_browser = ("", _("As the browser"))
        zones = sorted(zone for zone in profile.zones() if "/" in zone or zone == "UTC")
        self.fields["language"].choices = [of_browser, *settings.LANGUAGES]  # type: ignore[attr-defined]
        self.fields["time_zone"].choices = [  # type: ignore[attr-defined]
            of_browser,
            *((zone, zone.replace("_", " ")) for zone in zones),
        ]
        for name in ("name", "language", "time_zone"):
            self.fields[name].help_text = ""
        self.fields["mails_balance"].help_text = ""
        self.fields["mails_unusual_usage"].help_text = ""
        self.fields["name"].widget.attrs["autocomplete"] = "name"


@login_required
@require_http_methods(["GET", "POST"])
def show(request: HttpRequest) -> HttpResponse:
    """Show and change the profile."""
    user = visitor(request)
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        profile.change(user, **form.cleaned_data)
        messages.success(request, _("Your profile was saved."))
        response = redirect("portal_profile")
        if language := form.cleaned_data["language"]:
            languages.keep(response, settings.LANGUAGE_COOKIE_NAME, language)
        return response
    return render(request, "portal/profile.html", {"form": form, "zone": _zone(user)})


@login_required
@require_safe
def download(request: HttpRequest) -> StreamingHttpResponse:
    """Send what is stored about the user, as JSON."""
    security_log.note("data_exported", user_id=visitor(request).pk, request=request)
    response = StreamingHttpResponse(
        export.as_json(visitor(request)), content_type="application/json; charset=utf-8"
    )
    response.headers["Content-Disposition"] = 'attachment; filename="account.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


@login_required
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest) -> HttpResponseBase:
    """Ask for the password, and delete the account."""
    user = visitor(request)
    has_password = user.has_usable_password()
    if not has_password and not reauthentication.is_fresh(request):
        return reauthentication.sign_in_again(request, then=request.path)
    error = ""
    if request.method == "POST":
        security_log.note("deletion_asked", user_id=user.pk, request=request)
        error = _wrong_with(request, user, has_password=has_password)
        if not error:
            deletion.delete(user)
            logout(request)
            return render(request, "portal/deleted.html")
    facts = {
        "error": error,
        "has_password": has_password,
        "subscribed": subscribing.current(user) is not None,
    }
    return render(request, "portal/deletion.html", facts)


def _wrong_with(request: HttpRequest, user: User, *, has_password: bool) -> str:
    """Return what keeps the account from being deleted; too many guesses are refused."""
    if request.POST.get("email", "").strip().lower() != user.email:
        return _("This is not the email address of your account.")
    if has_password:
        try:
            passwords.prove(request, user, password=request.POST.get("password", ""))
        except WrongPassword:
            return _("This password is incorrect.")
    return ""


def _zone(user: User) -> str:
    return user.time_zone if user.time_zone in profile.zones() else ""
