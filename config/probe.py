"""The synthetic probe: a real request with a real key, through the public address of the site.

Beat runs it every minute if PROBE_API_KEY is set. The result is recorded for monitoring, and
counted for the status page.
"""

import json
import ssl
import time
from dataclasses import dataclass, field
from datetime import UTC
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from core import operations
from core.links import site_url
from core.models import ProbeDay

OPERATION = "probe"
_TIMEOUT_SECONDS = 20.0
_MOST_BYTES = 1_000_000
_USER_AGENT = "tokengate-probe"


@dataclass
class Result:
    """What a probe saw. ``detail`` says it in a sentence."""

    succeeded: bool
    detail: str
    seconds: float
    facts: dict[str, float] = field(default_factory=dict)
    """``certificate_expires_at``: seconds since the epoch, if the site has a certificate."""


def run() -> Result:
    """Make one request, and record how it ended."""
    result = _ask()
    operations.record(
        OPERATION,
        succeeded=result.succeeded,
        seconds=result.seconds,
        detail=result.detail,
        facts=result.facts,
    )
    _count(succeeded=result.succeeded)
    return result


def _count(*, succeeded: bool) -> None:
    today = timezone.now().astimezone(UTC).date()
    ProbeDay.objects.get_or_create(day=today)
    column = "up" if succeeded else "down"
    ProbeDay.objects.filter(day=today).update(**{column: F(column) + 1})


def _ask() -> Result:
    began, facts = time.monotonic(), dict[str, float]()
    try:
        detail = _talk(facts)
        succeeded = not detail
    except (OSError, HTTPException, ValueError) as error:
        succeeded, detail = False, f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - began
    return Result(succeeded, detail or f"Answered in {seconds:.2f} s.", seconds, facts)


def _talk(facts: dict[str, float]) -> str:
    """Make the request; return what is wrong with the answer, empty if nothing is."""
    url = urlsplit(site_url())
    connection = _connection(url.scheme, url.netloc)
    try:
        connection.connect()
        if isinstance(connection.sock, ssl.SSLSocket):
            facts["certificate_expires_at"] = _expiry(connection.sock)
        method, path, body = _request()
        headers = {
            "Authorization": f"Bearer {settings.PROBE_API_KEY}",
            "Content-Type": "application/json",
            "User-Agent": _USER_AGENT,
        }
        connection.request(method, f"{url.path}{path}", body=body, headers=headers)
        return _problem(connection.getresponse())
    finally:
        connection.close()


def _connection(scheme: str, host: str) -> HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        return HTTPSConnection(host, timeout=_TIMEOUT_SECONDS, context=context)
    return HTTPConnection(host, timeout=_TIMEOUT_SECONDS)


def _expiry(socket: ssl.SSLSocket) -> float:
    certificate = socket.getpeercert() or {}
    return float(ssl.cert_time_to_seconds(str(certificate["notAfter"])))


def _request() -> tuple[str, str, bytes | None]:
    """Ask a model for one token; without PROBE_MODEL, for the list of models, which is free."""
    if not settings.PROBE_MODEL:
        return "GET", "/api/llm/models", None
    message = {"role": "user", "content": "ping"}
    asked = {"model": settings.PROBE_MODEL, "max_tokens": 1, "messages": [message]}
    return "POST", "/api/llm/chat/completions", json.dumps(asked).encode()


def _problem(answer: HTTPResponse) -> str:
    body = answer.read(_MOST_BYTES)
    if answer.status != 200:
        return f"Status {answer.status}: {_code(body)}"
    answered = json.loads(body)
    if not answered.get("choices" if settings.PROBE_MODEL else "data"):
        return "The answer is empty."
    return ""


def _code(body: bytes) -> str:
    """Return the code of an error, or that it has none: a proxy in front may answer a page."""
    try:
        return str(json.loads(body)["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return "not in the shape of our errors"
