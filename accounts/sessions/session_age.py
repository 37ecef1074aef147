"""The maximum age of a browser's sign-in: SESSION_MAX_AGE_DAYS, however often it is used."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest, HttpResponseBase

_SIGNED_IN_AT = "signed_in_at"

Handler = Callable[[HttpRequest], HttpResponseBase]


def session_age(get_response: Handler) -> Handler:
    """Middleware: sign a browser out that was signed in too long ago."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and SESSION_KEY in request.session:
            _check(request)
        return get_response(request)

    return middleware


def begin(request: HttpRequest) -> None:
    """Note when this browser was signed in."""
    request.session[_SIGNED_IN_AT] = int(time.time())


def _check(request: HttpRequest) -> None:
    signed_in_at = request.session.get(_SIGNED_IN_AT)
    if signed_in_at is None:  # by a version that did not note it: it counts from now on
        begin(request)
    elif signed_in_at <= time.time() - settings.SESSION_MAX_AGE.total_seconds():
        logout(request)
