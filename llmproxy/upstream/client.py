"""Requests to the providers. Errors of httpx are mapped here.

AttemptFailed    one provider failed; `error` is the error for the client
ListFailed       a model list could not be read
LookupFailed     a usage lookup failed
"""

import asyncio
import math
import time
import zlib
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import httpx
import structlog

from core.errors import Unavailable
from core.loops import PerLoop
from core.plain_settings import settings
from llmproxy.errors import NoUpstream, UpstreamError, UpstreamRefusal, UpstreamTimeout
from llmproxy.protocol.parsing import loads
from llmproxy.protocol.refusals import Kind, Refusal, error_in, kind_of, read
from llmproxy.protocol.reports import Report
from llmproxy.protocol.usage import Usage
from llmproxy.providers import Provider
from llmproxy.providers.base import printable
from llmproxy.upstream.deadline import Deadline
from llmproxy.upstream.inflate import Inflater
from llmproxy.upstream.transport import Response, Target, Transport, target

log = structlog.get_logger("tokengate.proxy")

_ERROR_BODY_BYTES = 65_536
_MAX_JSON_BYTES = 64_000_000
_LONGEST_WAIT = 3600.0
# Statuses about our account or the provider's state. Another provider is tried, and users never
# see these errors.
_OPERATORS = frozenset((401, 402, 403, 404, 407, 412, 429))
# Statuses that clients receive unchanged. Other errors of a request become 400.
_TOLD = frozenset((413, 415))


class ListFailed(Exception):
    """A provider's model list could not be read; the message has the reason."""


class LookupFailed(Exception):
    """A usage lookup failed; the message has the reason."""


class AttemptFailed(Exception):
    """One provider failed before any content; `error` is the error for the client.

    `retry_after` is the pause in seconds that the provider requests, if any; `report` is the usage
    that it reports for an answer without content.
    """

    def __init__(
        self,
        error: UpstreamError,
        *,
        outcome: str,
        status: int | None = None,
        retry_after: float | None = None,
        report: Report | None = None,
    ) -> None:
        super().__init__(outcome)
        self.report = report
        self.retry_after = retry_after
        self.error = error
        self.outcome = outcome
        self.status = status


class UpstreamAnswer:
    """A provider's successful answer with an unread body. It must be closed or finished."""

    def __init__(self, response: Response, provider: Provider) -> None:
        self.id = printable(_text(response, provider.dialect.id_header))
        self._time = asyncio.get_running_loop().time
        self._by = self._time() + settings.UPSTREAM_TOTAL_TIMEOUT
        self._body = response.body
        # We request no compression, but some providers compress anyway.
        encoded = response.headers.get(b"content-encoding") in (b"gzip", b"deflate")
        self._inflater = Inflater() if encoded else None

    async def read(self, timeout: float | None = None) -> bytes:
        """Wait for bytes, and return those that have arrived; b"" at the end.

        Raises ``TimeoutError`` after ``timeout`` seconds of silence (the body can be read again),
        and ``AttemptFailed`` if the connection breaks or the answer exceeds its total time.
        """
        while True:
            if (arrival := self.arrival(timeout)) is not None:
                await arrival
            if (data := self.take()) is not None:
                return data

    def arrival(self, timeout: float | None) -> asyncio.Future[None] | None:
        """Return a future that is done when ``take`` may have something; None if it may now.

        It fails with ``TimeoutError`` after so many seconds. Raises ``AttemptFailed`` as ``read``
        does.
        """
        now = self._time()
        if now > self._by:
            raise AttemptFailed(UpstreamTimeout(), outcome="total_timeout")
        if self._inflater is not None and self._inflater.has_more:
            return None
        return self._body.arrival(None if timeout is None else now + timeout)

    def take(self) -> bytes | None:
        """Return the bytes that have arrived, b"" at the end, and None if there are none yet."""
        try:
            return self._body.take() if self._inflater is None else self._inflated(self._inflater)
        except httpx.HTTPError as error:
            raise _mapped(error) from error
        except zlib.error as error:
            raise AttemptFailed(UpstreamError(), outcome="garbage") from error

    def _inflated(self, inflater: Inflater) -> bytes | None:
        plain = inflater.more()
        while not plain and (data := self._body.take()):
            plain = inflater.feed(data)
        return plain or data

    async def read_all(self, timeout: float) -> bytes:
        """Return the whole body. Raises ``AttemptFailed`` if it is incomplete or times out."""
        body = bytearray()
        try:
            while True:
                data = self.take()  # It has mostly come with the head.
                if data is None:
                    data = await self.read(timeout)
                if not data:
                    return bytes(body)
                body += data
                if len(body) > _MAX_JSON_BYTES:
                    raise AttemptFailed(UpstreamError(), outcome="too_large")
        except TimeoutError as error:
            raise AttemptFailed(UpstreamTimeout(), outcome="idle_timeout") from error

    def close(self) -> None:
        """Release the connection. An unfinished answer is cancelled at the provider."""
        self._body.leave()

    def finish(self) -> None:
        """Read the last bytes of the answer, so that its connection can be reused."""
        self._body.finish()


Headers = tuple[tuple[str, str], ...]


async def post(
    provider: Provider, path: str, body: bytes, deadline: Deadline, *, headers: Headers = ()
) -> UpstreamAnswer:
    """Send a request and return the provider's 200. Raises ``AttemptFailed`` for anything else.

    Raises ``TimeoutError`` at the deadline, and ``Unavailable`` when all connections of this worker
    are in use, which is not a failure of the provider.
    """
    where = _target(provider.base_url + path, (*headers, *provider.headers.items()))
    patience = settings.UPSTREAM_CONNECT_TIMEOUT
    try:
        response = await _transport().post(
            where, body, pool_timeout=patience, connect_timeout=patience, head_by=deadline.by
        )
    except httpx.PoolTimeout as error:
        log.warning("upstream_connections_used_up", most=settings.UPSTREAM_CONNECTIONS)
        raise Unavailable("The service is busy. Try again in a moment.") from error
    except httpx.HTTPError as error:
        raise _mapped(error) from error
    answer = UpstreamAnswer(response, provider)
    if 200 <= response.status < 300:
        return answer
    try:
        wait = _seconds(_text(response, "retry-after"))
        raise refusal(response.status, await _refusal_in(answer, deadline), wait)
    finally:
        answer.close()


def _text(response: Response, name: str) -> str | None:
    value = response.headers.get(name.lower().encode())
    return None if value is None else value.decode("latin-1")


def refusal(status: int, found: Refusal, retry_after: float | None = None) -> AttemptFailed:
    """Turn a provider's error status and message into a failed attempt.

    The message has precedence over the status: some providers report a prompt that is too long
    with 500, and the operator's empty account with 400.
    """
    kind = kind_of(found)
    if kind in _USERS and status not in _NEVER_USERS:
        return AttemptFailed(
            _refusal_for(400, kind, found), outcome=f"status_{status}", status=status
        )
    status = _OF_OPERATOR.get(kind, status) if status in (200, 400, 422) else status
    facts: dict[str, Any] = {
        "outcome": f"status_{status}",
        "status": status,
        "retry_after": retry_after,
    }
    if status in (408, 504):
        return AttemptFailed(UpstreamTimeout(), **facts)
    if status in _OPERATORS:
        headers = {"Retry-After": str(math.ceil(retry_after))} if retry_after else {}
        return AttemptFailed(NoUpstream(headers=headers), **facts)
    if not 400 <= status < 500:
        return AttemptFailed(UpstreamError(), **facts)
    return AttemptFailed(_refusal_for(status if status in _TOLD else 400, kind, found), **facts)


# Errors of the request. With these statuses a provider still means the operator's account,
# unless it says that a moderator flagged the prompt (OpenRouter's 403).
_USERS = (Kind.CONTEXT, Kind.FILTER)
_NEVER_USERS = frozenset((401, 402, 407, 429))
# Errors of the operator's account, which some providers report as an invalid request.
_OF_OPERATOR = {Kind.RATE: 429, Kind.BALANCE: 402, Kind.AUTH: 401}


def _refusal_for(status: int, kind: Kind, found: Refusal) -> UpstreamRefusal:
    return UpstreamRefusal(
        status=status,
        message=found.message or "The provider refused the request.",
        param=found.param,
        code=kind.value if kind in _USERS else None,
    )


def _seconds(header: str | None) -> float | None:
    """Read `Retry-After`: seconds or a date. None if it is missing or invalid."""
    try:
        seconds = float(header or "")
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header or "").timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(seconds, _LONGEST_WAIT) if seconds > 0 else None


def failure_in(body: bytes) -> AttemptFailed:
    """Turn a 200 without an answer (an error or an invalid body) into a failed attempt."""
    try:
        found = error_in(loads(body))
    except ValueError:
        found = None
    if found is None:
        return AttemptFailed(UpstreamError(), outcome="garbage", status=200)
    return failure_of(found)


def object_in(body: bytes) -> dict[str, Any]:
    """Parse the JSON object of an answer with status 200. Raises ``AttemptFailed``."""
    try:
        content = loads(body)
    except ValueError as error:
        raise AttemptFailed(UpstreamError(), outcome="garbage", status=200) from error
    if not isinstance(content, dict):
        raise failure_in(body)
    return content


def empty(report: Report | None) -> AttemptFailed:
    """Return the failure of an answer without content."""
    return AttemptFailed(UpstreamError(), outcome="empty_answer", status=200, report=report)


def failure_of(found: Refusal) -> AttemptFailed:
    """Turn an error with status 200 into a failed attempt."""
    if found.status is not None:
        return refusal(found.status, found)
    if found.type == "invalid_request_error":
        return refusal(400, found)
    if kind_of(found) is not Kind.OTHER:
        return refusal(200, found)
    return AttemptFailed(UpstreamError(), outcome="error_in_200", status=200)


def list_models(provider: Provider) -> list[Any]:
    """Return the entries of a provider's model list. Raises ``ListFailed``."""
    try:
        response = httpx.get(
            f"{provider.base_url}/models", headers=provider.headers, timeout=30, trust_env=False
        )
        response.raise_for_status()
        entries = response.json()["data"]
    except httpx.HTTPError as error:
        raise ListFailed(repr(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ListFailed("the list is not an OpenAI model list") from error
    if not isinstance(entries, list):
        raise ListFailed("the list is not an OpenAI model list")
    return entries


def final_usage(provider: Provider, upstream_id: str) -> Usage | None:
    """Look up the final usage of a request; None while it is not available.

    Raises ``LookupFailed``.
    """
    lookup = provider.dialect.usage_lookup
    if lookup is None or not upstream_id:
        return None
    url = provider.base_url + lookup.path_of(upstream_id)
    try:
        response = httpx.get(url, headers=provider.headers, timeout=10, trust_env=False)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        response.raise_for_status()
        answer = response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise LookupFailed(repr(error)) from error
    return lookup.read(answer) if isinstance(answer, dict) else None


async def aclose() -> None:
    """Close this event loop's connections to the providers."""
    transport = _transport.pop()
    if transport:
        await transport.aclose()


_transport = PerLoop(lambda: Transport(max_connections=settings.UPSTREAM_CONNECTIONS))


@lru_cache(maxsize=64)
def _target(url: str, headers: Headers) -> Target:
    return target("POST", url, {**dict(headers), **_PLAIN})


_PLAIN = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "tokengate",
}


def _mapped(error: Exception) -> AttemptFailed:
    if isinstance(error, httpx.TimeoutException):
        return AttemptFailed(UpstreamTimeout(), outcome=type(error).__name__)
    return AttemptFailed(UpstreamError(), outcome=type(error).__name__)


async def _refusal_in(answer: UpstreamAnswer, deadline: Deadline) -> Refusal:
    """Read the body of an error; empty if it has none or does not arrive."""
    body = b""
    try:
        while len(body) < _ERROR_BODY_BYTES and (data := await answer.read(deadline.seconds_left)):
            body += data
    except (AttemptFailed, TimeoutError):
        return Refusal()
    return read(body)
