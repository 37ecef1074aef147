"""Ending a browser's sign-in: at its maximum age (SESSION_MAX_AGE_DAYS), or when it is revoked."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponseBase

from accounts.sessions import browser_sessions

_SIGNED_IN_AT = "signed_in_at"

Handler = Callable[[HttpRequest], HttpResponseBase]


def session_age(get_response: Handler) -> Handler:
    """Middleware: sign a browser out that was signed in too long ago, or revoked elsewhere."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if _is_of_a_browser(request):
            _check(request)
        return get_response(request)

    return middleware


def _is_of_a_browser(request: HttpRequest) -> bool:
    """Tell whether the cookie counts: the API takes none."""
    named = settings.SESSION_COOKIE_NAME in request.COOKIES
    return named and not request.path.startswith("/api/") and SESSION_KEY in request.session


def begin(request: HttpRequest) -> None:
    """Note when this browser was signed in."""
    request.session[_SIGNED_IN_AT] = int(time.time())


def _check(request: HttpRequest) -> None:
    signed_in_at = request.session.get(_SIGNED_IN_AT)
    if signed_in_at is None:  # by a version that did not note it: it counts from now on
        begin(request)
    elif signed_in_at <= time.time() - settings.SESSION_MAX_AGE.total_seconds():
        logout(request)
        return
    browser_sessions.check(request)
