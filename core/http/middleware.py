"""Middleware of every request, in the standard and in the lean handler."""

import logging
import re
import time
from collections.abc import Callable
from functools import lru_cache
from random import random
from typing import Any

import structlog
from asgiref.sync import iscoroutinefunction
from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect
from django.http.request import split_domain_port, validate_host
from django.utils.decorators import sync_and_async_middleware
from uuid_utils import uuid7

from core.errors import InvalidRequest, PayloadTooLarge, RequestTimeout
from core.http.headers import add_plain
from core.http.rendering import error_response
from core.instruments import request_timer
from core.logs import ACCESS, AccessRecord

access = logging.getLogger(ACCESS)

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_API = "/api/"
_OAUTH = "/identity/o/api/"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

Handler = Callable[[HttpRequest], Any]


@sync_and_async_middleware
def request_context(get_response: Handler) -> Handler:
    """Give the request its id, answer it with that id, and write the access log.

    A sane `X-Request-ID` of the caller's is kept: 1 to 128 characters of ``A-Za-z0-9._:/+=-``.
    """
    if iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> HttpResponseBase:
            started = _begin(request)
            response = _refusal(request) or await get_response(request)
            return _end(request, response, started)

        return async_middleware

    def middleware(request: HttpRequest) -> HttpResponseBase:
        started = _begin(request)
        return _end(request, _refusal(request) or get_response(request), started)

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


def cors(get_response: Handler) -> Handler:
    """Do as django-cors-headers does, which is asked only where a browser has asked."""
    asked: Any = CorsMiddleware(get_response)

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        if "HTTP_ORIGIN" in request.META:
            answer: HttpResponseBase = await asked(request)
            return answer
        response: HttpResponseBase = await get_response(request)
        add_plain(response, {"Vary": "origin"})
        return response

    return middleware


def transport_security(get_response: Handler) -> Handler:
    """Do on the lean handler what the others' middleware does: HTTPS only, and only our names.

    A Host header is looked at once, and what was found is remembered.
    """
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        if not _is_ours(request.META.get("HTTP_HOST", ""), tuple(settings.ALLOWED_HOSTS)):
            return error_response(
                InvalidRequest("The Host header does not name this site."), request
            )
        is_secure = request.is_secure()
        if settings.SECURE_SSL_REDIRECT and not is_secure:
            return HttpResponsePermanentRedirect(
                f"https://{settings.SECURE_SSL_HOST or request.get_host()}{request.get_full_path()}"
            )
        response: HttpResponseBase = await get_response(request)
        add_plain(response, headers)
        if is_secure and settings.SECURE_HSTS_SECONDS:
            add_plain(response, {"Strict-Transport-Security": _hsts()})
        return response

    return middleware


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


def _begin(request: HttpRequest) -> float:
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    # Receipts are found by it: ids in the order of time are neighbours in their index.
    request.id = given if _SANE_ID.fullmatch(given) else uuid7().hex  # type: ignore[attr-defined]
    structlog.contextvars.bind_contextvars(request_id=request.id)  # type: ignore[attr-defined]
    return time.perf_counter()


def _refusal(request: HttpRequest) -> HttpResponseBase | None:
    """Refuse what no view should have to think of."""
    if getattr(request, "body_too_large", False):
        return error_response(PayloadTooLarge(), request)
    if getattr(request, "body_too_late", False):
        return error_response(RequestTimeout(headers={"Connection": "close"}), request)
    if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        return error_response(InvalidRequest("The URL contains a NUL byte."), request)
    return None


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


def _end(request: HttpRequest, response: HttpResponseBase, started: float) -> HttpResponseBase:
    add_plain(response, {"X-Request-ID": request.id})  # type: ignore[attr-defined]
    seconds = time.perf_counter() - started
    status = response.status_code
    request_timer(_route(request), request.method or "", status)(seconds)
    share = settings.ACCESS_LOG_SHARE
    if access.isEnabledFor(logging.INFO) and (status >= 400 or random() < share):  # nosec B311  # noqa: S311 - no secret
        record = AccessRecord(
            method=request.method,
            path=request.path,
            status=status,
            user_id=getattr(request, "caller_id", None),
            ms=round(seconds * 1000, 1),
            request_id=request.id,  # type: ignore[attr-defined]
        )
        access.handle(record)
    return response


def _route(request: HttpRequest) -> str:
    """Return the pattern of the URL, of which there are few, and not the URL."""
    match = request.resolver_match
    return match.route if match else "none"
