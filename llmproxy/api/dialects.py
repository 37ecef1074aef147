"""Wrappers for the endpoints of other dialects: errors in their shape, and their headers."""

import re
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from django.core.exceptions import RequestAborted
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from core.http.headers import add_plain, plain
from core.http.rendering import error_response
from llmproxy.api.base import without_csrf
from llmproxy.protocol.dialects import DIALECTS

View = Callable[[HttpRequest], Coroutine[Any, Any, HttpResponseBase]]

_DURATION = re.compile(r"(?:(\d+)m(?!s))?(?:([\d.]+)(m?s))?")
# They are sent to a provider, so only the characters of Anthropic's own values are allowed.
_PASSED_ON = (
    ("anthropic-version", "HTTP_ANTHROPIC_VERSION"),
    ("anthropic-beta", "HTTP_ANTHROPIC_BETA"),
)
_SANE = re.compile(r"[A-Za-z0-9._, -]{1,1000}")


def speaks(dialect: str, request: HttpRequest) -> None:
    """Set the dialect in whose shape the errors of this request are written."""
    request.error_body = DIALECTS[dialect].error_body  # type: ignore[attr-defined]


def in_dialect(dialect: str, view: View) -> View:
    """Return a view whose errors have a dialect's shape; Messages also has Anthropic's headers."""

    @without_csrf
    async def spoken(request: HttpRequest) -> HttpResponseBase:
        speaks(dialect, request)
        try:
            response = await view(request)
        except RequestAborted:  # Nobody reads an answer.
            raise
        except Exception as error:  # noqa: BLE001 - like the handler, but in this shape
            response = error_response(error, request)
        if dialect == "messages":
            add_plain(response, _anthropic_headers(request, response))
        return response

    return spoken


def headers_for_provider(request: HttpRequest) -> tuple[tuple[str, str], ...]:
    """Return the headers with which a client selects a version of Anthropic's API."""
    found = [(name, request.META.get(key, "")) for name, key in _PASSED_ON]
    return tuple((name, value) for name, value in found if _SANE.fullmatch(value))


def _anthropic_headers(request: HttpRequest, response: HttpResponseBase) -> dict[str, str]:
    """Return the headers that Anthropic's SDKs read.

    https://platform.claude.com/docs/en/api/rate-limits#response-headers
    """
    headers, now = {"request-id": request.id}, timezone.now()  # type: ignore[attr-defined]
    for kind in ("requests", "tokens"):
        names = [f"x-ratelimit-{figure}-{kind}" for figure in ("limit", "remaining", "reset")]
        limit, remaining, reset = plain(response, names)
        if limit is None or remaining is None or reset is None:
            continue
        resets_at = now + _duration(reset)
        headers[f"anthropic-ratelimit-{kind}-limit"] = limit
        headers[f"anthropic-ratelimit-{kind}-remaining"] = remaining
        headers[f"anthropic-ratelimit-{kind}-reset"] = f"{resets_at:%Y-%m-%dT%H:%M:%SZ}"
    return headers


def _duration(text: str) -> timedelta:
    """Parse a duration in the format of OpenAI's headers."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return timedelta()
    minutes, amount, unit = match.groups(default="0")
    scale = 0.001 if unit == "ms" else 1
    return timedelta(minutes=int(minutes), seconds=float(amount) * scale)
