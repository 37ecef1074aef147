"""The language, time zone and colors of pages: of the account, else of the browser.

The API and the admin site are in English and UTC, whatever a browser asks for.
"""

import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.flows import profile
from accounts.models import User
from core.pages.site import THEME_COOKIE, THEMES

_NOT_PAGES = ("/admin/", "/api/", "/identity/o/api/", "/metrics")
_YEAR = 365 * 86_400
_ZONE_COOKIE = "timezone"  # core/static/site/site.js sets it

Handler = Callable[[HttpRequest], HttpResponseBase]


def languages(get_response: Handler) -> Handler:
    """Middleware: answer pages in the visitor's language and time zone."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(_NOT_PAGES):
            return get_response(request)
        user = _user(request)
        with (
            translation.override(_language(request, user)),
            timezone.override(_zone(request, user)),
        ):
            return get_response(request)

    return middleware


@require_POST
def prefer(request: HttpRequest) -> HttpResponse:
    """Remember the colors or the language that a visitor has chosen, and go back."""
    onward = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(onward, allowed_hosts=None):
        onward = "/"
    response = redirect(onward)
    if "theme" in request.POST:
        keep(response, THEME_COOKIE, request.POST["theme"], among=THEMES)
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        keep(response, settings.LANGUAGE_COOKIE_NAME, language)
        if user := _user(request):
            profile.change(user, language=language)
    return response


def _user(request: HttpRequest) -> User | None:
    """Return who is signed in. Visitors without a session cost no query."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return None
    return request.user if isinstance(request.user, User) else None


def _language(request: HttpRequest, user: User | None) -> str:
    if user and user.language:
        return user.language
    return translation.get_language_from_request(request)


def _zone(request: HttpRequest, user: User | None) -> zoneinfo.ZoneInfo:
    named = (user and user.time_zone) or request.COOKIES.get(_ZONE_COOKIE, "")
    named = named.replace("%2F", "/")
    return zoneinfo.ZoneInfo(named if named in profile.zones() else settings.TIME_ZONE)


def keep(response: HttpResponse, name: str, value: str, *, among: tuple[str, ...] = ()) -> None:
    """Have the browser keep a choice for a year, or forget one that is not ``among`` these."""
    if among and value not in among:
        response.delete_cookie(name)
        return
    response.set_cookie(
        name,
        value,
        max_age=_YEAR,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
    )
