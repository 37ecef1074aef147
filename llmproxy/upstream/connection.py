"""One connection to a provider: HTTP/1.1 on asyncio.Protocol and httptools."""

import asyncio
import math
import time
from collections import deque
from typing import Any, cast

import httptools
import httpx

from core.loops import Alarm
from llmproxy import metrics

_AHEAD_BYTES = 1_000_000
# The most that a provider can send besides the body: heads (also of 1xx) and chunk framing.
_MOST_HEAD_BYTES = 262_144
_MOST_HEADERS = 1_000
_STALE_SECONDS = 1.0


class Connection(asyncio.Protocol):
    """One connection: a request at a time, and its response, parsed as it arrives."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.closed = False
        self.idle_since = 0.0
        self._alarm = Alarm(self._expire)
        self._parser = httptools.HttpResponseParser(self)
        self._reset()

    def _reset(self) -> None:
        self._head: asyncio.Future[tuple[int, dict[bytes, bytes]]] | None = None
        self._headers: dict[bytes, bytes] = {}
        self._header_count = 0
        self._unframed = 0  # bytes since the last byte of a body
        self._chunks: deque[bytes] = deque()
        self._ahead = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._failure: httpx.TransportError | None = None
        self._ends_with_connection = False
        self._over = False
        self._keeps_alive = False
        self._when_over: Any = None
        self.heard = False
        self._sent_at = 0.0

    @property
    def was_stale(self) -> bool:
        """Return whether the server had closed this connection before it received our request.

        Then the request can be sent again (RFC 9112, 9.3.1). In this case the end arrives within a
        round trip, without a byte of a response. If it arrives later, the server may have processed
        the request, and a POST must not be sent twice (RFC 9110, 9.2.2).
        """
        return not self.heard and time.monotonic() - self._sent_at < _STALE_SECONDS

    @property
    def reusable(self) -> bool:
        """Return whether the last response is complete and the connection can be reused."""
        return self._over and self._keeps_alive and not self.closed and not self._chunks

    async def send(
        self, head: bytes, body: bytes, by: float | None
    ) -> tuple[int, dict[bytes, bytes]]:
        """Send a request. Returns the status and headers of its response.

        Raises ``TimeoutError`` if they have not arrived at the given time of the event loop's
        clock. The connection is closed if this fails for any reason.
        """
        self._reset()
        if self.closed or self._transport is None:
            self._sent_at = time.monotonic()
            raise httpx.ReadError("the connection was closed")
        answered: asyncio.Future[tuple[int, dict[bytes, bytes]]] = self._loop.create_future()
        self._head = answered
        self._sent_at = time.monotonic()
        self._transport.writelines([head, body])
        self._alarm.set_at(math.inf if by is None else by)
        try:
            return await answered
        except BaseException:
            self.cut()
            raise

    async def read(self, timeout: float | None) -> bytes:
        """See ``Body.read``."""
        by = None if timeout is None else self._loop.time() + timeout
        while True:
            if (arrival := self.arrival(by)) is not None:
                await arrival
            if (data := self.take()) is not None:
                return data

    def take(self) -> bytes | None:
        """Return bytes that have arrived, b"" at the end, and None while there are none."""
        if self._chunks:
            data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            self._chunks.clear()
            self._ahead = 0
            if self._paused and self._transport:
                self._paused = False
                self._transport.resume_reading()
            return data
        if self._failure is not None:
            raise self._failure
        return b"" if self._over else None

    def arrival(self, by: float | None) -> asyncio.Future[None] | None:
        """Return a future that is done when ``take`` has something; None if it has now.

        It fails with ``TimeoutError`` at the given time of the event loop's clock.
        """
        if self._chunks or self._over or self._failure is not None:
            return None
        self._waiter = self._loop.create_future()
        self._alarm.set_at(math.inf if by is None else by)
        return self._waiter

    def when_over(self, callback: Any) -> None:
        """Call back once, when the response is complete or the connection is lost."""
        self._when_over = callback

    def cut(self) -> None:
        """Close at once. The other side is notified."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        metrics.CONNECTIONS.inc()

    def data_received(self, data: bytes) -> None:
        if self._head is None or self._over:  # Bytes without a request: do not reuse it.
            self.cut()
            return
        self.heard = True
        self._unframed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(httpx.RemoteProtocolError(str(error)))
            self.cut()
            return
        if self._unframed > _MOST_HEAD_BYTES or self._header_count > _MOST_HEADERS:
            self._fail(httpx.RemoteProtocolError("the head of the response has no end"))
            self.cut()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        self._alarm.stop()
        metrics.CONNECTIONS.dec()
        if self._ends_with_connection and error is None:
            self.on_message_complete()
        elif not self._over:
            kind = httpx.ReadError if error else httpx.RemoteProtocolError
            self._fail(kind(str(error) if error else "the connection ended before the response"))

    # httptools

    def on_message_begin(self) -> None:
        if self._over:  # Bytes behind the response would begin the next one: do not reuse it.
            self.cut()
        self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        if self._header_count <= _MOST_HEADERS:
            self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 or self._over:  # 1xx: the real response follows.
            return
        self._ends_with_connection = not (
            b"content-length" in self._headers or b"transfer-encoding" in self._headers
        )
        self._keeps_alive = self._parser.should_keep_alive()
        if self._head is not None and not self._head.done():
            self._head.set_result((status, self._headers))

    def on_body(self, data: bytes) -> None:
        if self._over:
            return
        self._unframed = 0
        self._chunks.append(data)
        self._ahead += len(data)
        if self._ahead > _AHEAD_BYTES and not self._paused and self._transport:
            self._paused = True  # The client is slow: stop reading.
            self._transport.pause_reading()
        if self._waiter is not None:
            self._wake()

    def on_message_complete(self) -> None:
        if self._head is None or not self._head.done():
            return  # Only a 1xx was complete.
        self._over = True
        if self._waiter is not None:
            self._wake()
        if self._when_over is not None:
            self._call_over()

    def _expire(self) -> None:
        """Fail the future that is awaited, if any.

        Nothing clears the alarm when bytes arrive: then no future is awaited any more.
        """
        for awaited in (self._head, self._waiter):
            if awaited is not None and not awaited.done():
                awaited.set_exception(TimeoutError())
                return

    def _fail(self, failure: httpx.TransportError) -> None:
        if self._failure is None:
            self._failure = failure
        if self._head is not None and not self._head.done():
            self._head.set_exception(failure)
        self._wake()
        self._call_over()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _call_over(self) -> None:
        callback, self._when_over = self._when_over, None
        if callback is not None:
            self._chunks.clear()  # They will not be read.
            callback()
