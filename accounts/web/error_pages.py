"""HTML error pages outside /api. Below /api, the same errors are JSON.

They do not use the database, which may be what has failed.
"""

import sys

from allauth.socialaccount.models import SocialApp
from django.core import exceptions as django_errors
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from core.errors import ApiError, InternalError, Unavailable
from core.http.rendering import error_response
from core.pages.site import site_of

# What is raised while PostgreSQL or Redis is away.
UNAVAILABLE = (RedisError, OperationalError, InterfaceError)

_TITLES = {
    400: _("This request is not valid"),
    403: _("You do not have access"),
    404: _("Page not found"),
    429: _("Too many attempts"),
    500: _("Something went wrong on our side"),
    503: _("Temporarily unavailable"),
}
_HINTS = {
    400: _("Go back and try again. If an editor sent you here, start signing in from it again."),
    403: _("Your account does not have access to this page. Ask the administrator of this site."),
    404: _("The address may be mistyped, or the page may have moved."),
    429: _("There were too many attempts. Wait a few minutes, then try again."),
    500: _("The error has been recorded. Please try again in a moment."),
    503: _("A part of the service is restarting. Please try again in a moment."),
}
_STALE_FORM = _(
    "The form has expired, or cookies are blocked. Go back, reload the page and try again."
)
_NOT_DONE = _("This could not be done")


def error_page(
    request: HttpRequest, *, status: int, hint: str = "", title: str = ""
) -> HttpResponse:
    """Answer with a page that says what happened and what to do."""
    context = {
        "title": title or _TITLES[status],
        "hint": hint or _HINTS[status],
        "status": status,
        "request_id": getattr(request, "id", ""),
        "request": request,
        "brand": site_of(request),
    }
    return HttpResponse(render_to_string("accounts/error.html", context), status=status)


def refused(request: HttpRequest, exc: Exception) -> HttpResponse | None:
    """Answer what the use cases raise, where a page has called them."""
    if isinstance(exc, SocialApp.DoesNotExist):
        return error_page(request, status=404)
    if not isinstance(exc, ApiError):
        return None
    title = str(_TITLES.get(exc.status, _NOT_DONE))
    response = error_page(request, status=exc.status, title=title, hint=exc.message)
    if "retry_after" in exc.facts:
        response.headers["Retry-After"] = str(exc.facts["retry_after"])
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, exception or django_errors.BadRequest(), status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, exception or django_errors.PermissionDenied(), status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, exception or Http404(), status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an exception, which is still the current one here."""
    if isinstance(sys.exc_info()[1], UNAVAILABLE):
        return _answer(request, Unavailable(), status=503)
    return _answer(request, InternalError(), status=500)


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """Answer for django-allauth's limits, which look this up in the root URLconf."""
    return error_page(request, status=429)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a good CSRF token (CSRF_FAILURE_VIEW)."""
    return _answer(request, django_errors.PermissionDenied(), status=403, hint=str(_STALE_FORM))


def _answer(
    request: HttpRequest, exc: Exception | ApiError, *, status: int, hint: str = ""
) -> HttpResponse:
    if request.path.startswith("/api/"):
        return error_response(exc, request)
    return error_page(request, status=status, hint=hint)
