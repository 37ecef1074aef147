"""Turning exceptions into responses, for DRF, plain Django and the async views.

Exceptions of DRF, Django, the database and Redis are mapped to ``core.errors`` only here.
"""

from typing import Any

import orjson
import psycopg
import redis
import structlog
from django.core import exceptions as django_errors
from django.core.exceptions import RequestDataTooBig
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from rest_framework import exceptions as drf_errors
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core import errors, refusals
from core.errors import ApiError
from core.instruments import ERRORS

log = structlog.get_logger("tokengate.errors")

_FOREIGN: list[tuple[tuple[type[BaseException], ...], type[ApiError]]] = [
    ((drf_errors.UnsupportedMediaType,), errors.UnsupportedMediaType),
    ((drf_errors.MethodNotAllowed,), errors.MethodNotAllowed),
    ((drf_errors.NotAuthenticated, drf_errors.AuthenticationFailed), errors.NotAuthenticated),
    ((drf_errors.PermissionDenied, django_errors.PermissionDenied), errors.PermissionDenied),
    ((drf_errors.NotFound, Http404), errors.NotFound),
    ((RequestDataTooBig,), errors.PayloadTooLarge),
    ((OperationalError, InterfaceError, psycopg.OperationalError), errors.Unavailable),
    ((redis.ConnectionError, redis.TimeoutError), errors.Unavailable),
    (
        (
            drf_errors.ParseError,
            drf_errors.NotAcceptable,
            django_errors.BadRequest,
            django_errors.SuspiciousOperation,
            UnreadablePostError,
            RecursionError,  # JSON nested beyond all measure
        ),
        errors.InvalidRequest,
    ),
]


def error_response(exc: BaseException, request: HttpRequest) -> HttpResponse:
    """Render any exception in the API's error shape; an unexpected one is logged and says 500."""
    error = to_api_error(exc, request)
    return HttpResponse(
        body(error, request),
        status=error.status,
        headers=_headers(error),
        content_type="application/json",
    )


def drf_exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """Do the same for DRF's views (REST_FRAMEWORK["EXCEPTION_HANDLER"])."""
    set_rollback()
    request = context["request"]._request  # noqa: SLF001 - DRF offers no public way to it
    error = to_api_error(exc, request)
    return Response(
        error.body(getattr(request, "id", None)), status=error.status, headers=_headers(error)
    )


def body(error: ApiError, request: HttpRequest) -> bytes:
    """Serialize the error object, with this request's id.

    A view whose clients expect another shape sets ``request.error_body``, a function of the error
    and the id.
    """
    shape = getattr(request, "error_body", ApiError.body)
    return orjson.dumps(shape(error, getattr(request, "id", None)), default=str)


def to_api_error(exc: BaseException, request: HttpRequest) -> ApiError:
    """Map an exception to what the client is told, and count it."""
    error = _mapped(exc, request)
    ERRORS.labels(error.code).inc()
    if error.status in refusals.STATUSES:
        refusals.note(getattr(request, "caller_id", None), error.code)
    return error


def _mapped(exc: BaseException, request: HttpRequest) -> ApiError:
    if isinstance(exc, ApiError):
        return exc
    if isinstance(exc, drf_errors.ValidationError):
        return _invalid_fields(exc.detail)
    for foreign, ours in _FOREIGN:
        if isinstance(exc, foreign):
            if ours.status == errors.Unavailable.status:
                log.error("dependency_unavailable", error=repr(exc))
            return _translated(exc, ours)
    got_request_exception.send(sender=None, request=request)
    log.error("unexpected_error", path=request.path, exc_info=exc)
    return errors.InternalError()


def _translated(exc: BaseException, ours: type[ApiError]) -> ApiError:
    if isinstance(exc, drf_errors.MethodNotAllowed):
        return ours(str(exc.detail))
    if isinstance(exc, drf_errors.ParseError | drf_errors.NotAcceptable):
        return ours(str(exc.detail))
    return ours()


def _invalid_fields(detail: Any) -> ApiError:
    """Name the first bad field in `param` and all of them in `fields`."""
    fields = _flat(detail)
    param, messages = next(iter(fields.items()), ("", ["The request is not valid."]))
    return errors.InvalidRequest(messages[0], param=param or None, fields=fields)


def _flat(detail: Any, path: str = "") -> dict[str, list[str]]:
    """Flatten DRF's nested error detail to {"outer.inner": [messages]}."""
    within = f"{path}." if path else ""
    if isinstance(detail, dict):
        items = [(f"{within}{_sayable(key)}", value) for key, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(part, dict | list) for part in detail):
        items = [(f"{within}{i}", part) for i, part in enumerate(detail)]
    else:
        name = "" if path == "non_field_errors" else path
        parts = detail if isinstance(detail, list) else [detail]
        return {name: [_sayable(part) for part in parts]}
    flat: dict[str, list[str]] = {}
    for name, value in items:
        if value:
            flat.update(_flat(value, name))
    return flat


def _sayable(text: Any) -> str:
    """Replace what UTF-8 cannot write: messages quote input, in which JSON allows half a pair."""
    return str(text).encode(errors="replace").decode()


def _headers(error: ApiError) -> dict[str, str]:
    """Return an error's headers; `x-should-retry` is what OpenAI's and Anthropic's SDKs obey."""
    headers = {"x-should-retry": "true" if error.retryable else "false", **error.headers}
    if "retry_after" in error.facts:
        headers.setdefault("Retry-After", str(error.facts["retry_after"]))
    return headers
