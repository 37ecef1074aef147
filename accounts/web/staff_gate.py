"""Sign-in and second factor for the admin site.

Django's admin login asks only for a password, so it redirects to the account pages, which also ask
for the code.
"""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from accounts.flows import second_factor
from accounts.models import User

Handler = Callable[[HttpRequest], HttpResponseBase]


def staff_gate(get_response: Handler) -> Handler:
    """Middleware: let to the staff's site whom it is for, as far as the second factor goes."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(reverse("admin:index")):
            return get_response(request)
        return _redirected(request) or get_response(request)

    return middleware


def _redirected(request: HttpRequest) -> HttpResponseBase | None:
    """Return where whoever may not go on is led to. Raises ``PermissionDenied`` for users."""
    if request.path == reverse("admin:logout"):
        return None
    user = request.user
    if not isinstance(user, User):
        return redirect(_with_next("account_login", request))
    if not user.is_staff:
        raise PermissionDenied
    if second_factor.was_given(request) or not second_factor.is_asked_of_staff(user):
        return redirect(_wanted(request)) if _is_login(request) else None
    if second_factor.is_set_up(user):  # since this browser has signed in
        return redirect(_with_next("mfa_reauthenticate", request))
    messages.info(request, _("Staff need a second factor. Set it up, then open the admin site."))
    return redirect("mfa_activate_totp")


def _with_next(name: str, request: HttpRequest) -> str:
    return f"{reverse(name)}?{urlencode({'next': _wanted(request)})}"


def _wanted(request: HttpRequest) -> str:
    """Return where the caller was going: past the site's own login, and never off this site."""
    wanted = request.GET.get("next", "") if _is_login(request) else request.get_full_path()
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if is_ours else reverse("admin:index")


def _is_login(request: HttpRequest) -> bool:
    return request.path == reverse("admin:login")
