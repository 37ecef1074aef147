"""Middleware of every request, in the standard and in the lean handler.

That of the lean handler has Django's hooks ``process_request`` and ``process_response``, which are
called in turn: a coroutine around each request would be resumed whenever the request is.
"""

import logging
import re
import time
from collections.abc import Callable
from functools import lru_cache
from random import random
from typing import Any, ClassVar

import structlog
from asgiref.sync import iscoroutinefunction
from corsheaders.middleware import CorsMiddleware
from django.core.exceptions import DisallowedHost
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponsePermanentRedirect,
)
from django.http.request import split_domain_port, validate_host
from django.utils.decorators import sync_and_async_middleware
from uuid_utils import uuid7

from core.errors import InvalidRequest, PayloadTooLarge, RequestTimeout
from core.http.headers import add_plain
from core.http.rendering import error_response
from core.instruments import request_timer
from core.logs import ACCESS, AccessRecord
from core.plain_settings import settings

access = logging.getLogger(ACCESS)

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_LONGEST_HOST = 300  # DNS has no longer name; what is longer would be remembered.
_API = "/api/"
_OAUTH = "/identity/o/api/"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

Handler = Callable[[HttpRequest], Any]


class RequestContext:
    """Give the request its id, answer it with that id, and write the access log.

    A sane `X-Request-ID` of the caller's is kept: 1 to 128 characters of ``A-Za-z0-9._:/+=-``.
    Refuses what no view should have to think of.
    """

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        # Receipts are found by it: ids in the order of time are neighbours in their index.
        request.id = given if _SANE_ID.fullmatch(given) else uuid7().hex  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(request_id=request.id)  # type: ignore[attr-defined]
        request.began = time.perf_counter()  # type: ignore[attr-defined]
        if getattr(request, "body_too_large", False):
            return error_response(PayloadTooLarge(), request)
        if getattr(request, "body_too_late", False):
            return error_response(RequestTimeout(headers={"Connection": "close"}), request)
        if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            return error_response(InvalidRequest("The URL contains a NUL byte."), request)
        return None

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        add_plain(response, {"X-Request-ID": request.id})  # type: ignore[attr-defined]
        seconds = time.perf_counter() - request.began  # type: ignore[attr-defined]
        status = response.status_code
        # The pattern of the URL, of which there are few, and not the URL.
        route = request.resolver_match.route if request.resolver_match else "none"
        request_timer(route, request.method or "", status)(seconds)
        share = settings.ACCESS_LOG_SHARE
        if access.isEnabledFor(logging.INFO) and (status >= 400 or random() < share):  # nosec B311  # noqa: S311 - no secret
            record = AccessRecord(
                method=request.method,
                path=request.path,
                status=status,
                user_id=getattr(request, "caller_id", None),
                ms=round(seconds * 10_000) / 10,
                request_id=request.id,  # type: ignore[attr-defined]
            )
            access.handle(record)
        return response


@sync_and_async_middleware
def request_context(get_response: Handler) -> Handler:
    """Do as ``RequestContext`` in the standard handler."""
    hooks = RequestContext()
    if iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> HttpResponseBase:
            response = hooks.process_request(request) or await get_response(request)
            return hooks.process_response(request, response)

        return async_middleware

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = hooks.process_request(request) or get_response(request)
        return hooks.process_response(request, response)

    return middleware


@sync_and_async_middleware
def api_errors(get_response: Handler) -> Handler:
    """Render what plain Django views under /api raise in the API's shape, also with DEBUG on.

    A bad Host is refused here: asked for further in, by middleware, it would be a page of Django's.
    """
    if iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> HttpResponseBase:
            response: HttpResponseBase = _misdirected(request) or await get_response(request)
            return response

        handler: Any = async_middleware
    else:

        def middleware(request: HttpRequest) -> HttpResponseBase:
            response: HttpResponseBase = _misdirected(request) or get_response(request)
            return response

        handler = middleware

    def process_exception(request: HttpRequest, exc: Exception) -> HttpResponseBase | None:
        return error_response(exc, request) if _is_of_api(request) else None

    handler.process_exception = process_exception
    return handler  # type: ignore[no-any-return]


def plain_forms(get_response: Handler) -> Handler:
    """Refuse forms that no page sends: in another charset than UTF-8, or with a NUL byte.

    No view has to think of them. PostgreSQL refuses NUL in text, and Django the charset, at
    whatever place first looks at the form, which may be a page of errors. The endpoints of OAuth
    answer in their own shape.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.content_type in _FORMS and not request.path.startswith(_OAUTH):
            if (request.encoding or "utf-8").lower() != "utf-8":
                return error_response(InvalidRequest("Forms must be in UTF-8."), request)
            if any(nul in request.body for nul in (b"%00", b"\0")):
                return error_response(InvalidRequest("The form contains a NUL byte."), request)
        response: HttpResponseBase = get_response(request)
        return response

    return middleware


class Cors:
    """Do as django-cors-headers does, which is asked only where a browser has asked."""

    def __init__(self) -> None:
        self._asked: Any = CorsMiddleware(lambda _: HttpResponse())

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        if "HTTP_ORIGIN" not in request.META:
            return None
        answer: HttpResponseBase | None = self._asked.check_preflight(request)
        return answer

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if "HTTP_ORIGIN" not in request.META:
            add_plain(response, {"Vary": "origin"})
            return response
        allowed: HttpResponseBase = self._asked.add_response_headers(request, response)
        return allowed


class TransportSecurity:
    """Do on the lean handler what the others' middleware does: HTTPS only, and only our names.

    A Host header is looked at once, and what was found is remembered.
    """

    _HEADERS: ClassVar = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        host = request.META.get("HTTP_HOST", "")
        if len(host) > _LONGEST_HOST or not _is_ours(host, tuple(settings.ALLOWED_HOSTS)):
            return error_response(
                InvalidRequest("The Host header does not name this site."), request
            )
        if settings.SECURE_SSL_REDIRECT and not request.is_secure():
            return HttpResponsePermanentRedirect(
                f"https://{settings.SECURE_SSL_HOST or request.get_host()}{request.get_full_path()}"
            )
        return None

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        add_plain(response, self._HEADERS)
        if settings.SECURE_HSTS_SECONDS and request.is_secure():
            add_plain(response, {"Strict-Transport-Security": _hsts()})
        return response


@lru_cache(maxsize=1024)
def _is_ours(host: str, allowed: tuple[str, ...]) -> bool:
    """Tell whether a Host header is well-formed and names this site; none at all does not."""
    name, _ = split_domain_port(host)
    return bool(name) and validate_host(name, allowed)


def _hsts() -> str:
    parts = [f"max-age={settings.SECURE_HSTS_SECONDS}"]
    parts += ["includeSubDomains"] if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else []
    parts += ["preload"] if settings.SECURE_HSTS_PRELOAD else []
    return "; ".join(parts)


def _misdirected(request: HttpRequest) -> HttpResponseBase | None:
    if _is_of_api(request):
        try:
            request.get_host()
        except DisallowedHost:
            return error_response(
                InvalidRequest("The Host header does not name this site."), request
            )
    return None


def _is_of_api(request: HttpRequest) -> bool:
    return f"{request.path}/".startswith(_API)
