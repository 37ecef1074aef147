"""A fast and complete httpx transport: HTTP/1.1 on asyncio.Protocol and httptools.

httpx's default transport costs a request more than all the rest of this proxy, and slows down
with every open connection. This one keeps httpx's types (`Request`, `Response`, its errors) and
brings what a proxy needs: pooled connections by origin with a limit, TLS, timeouts to connect and
to wait for the pool, one retry when a pooled connection turns out to be stale, a body that is read
with a timeout of one's own, bounded memory, and a connection that is cut at once when its
request is cancelled.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple, cast

import httptools
import httpx

from llmproxy import metrics

_IDLE_SECONDS = 55.0
_AHEAD_BYTES = 1_000_000
_FINISH_SECONDS = 1.0
_STALE_SECONDS = 1.0

Origin = tuple[bytes, bytes, int | None]


class Target(NamedTuple):
    """Where requests of a kind go, and their head, which lacks but the length of the body."""

    origin: Origin
    head: bytes


def target(method: str, url: str, headers: Mapping[str, str]) -> Target:
    """Write, once, what all requests of a kind have in common, as httpx would."""
    return _target(httpx.Request(method, url, headers=headers))


def _target(request: httpx.Request) -> Target:
    url = request.url
    lines = [request.method.encode() + b" " + url.raw_path + b" HTTP/1.1"]
    lines += [
        name + b": " + value
        for name, value in request.headers.raw
        if name.lower() != b"content-length"
    ]
    return Target((url.raw_scheme, url.raw_host, url.port), b"\r\n".join([*lines, b""]))


class Response(NamedTuple):
    """A response's head, its names in lower case, and its body, still to be read."""

    status: int
    headers: dict[bytes, bytes]
    body: "Body"


class Transport(httpx.AsyncBaseTransport):
    """One pool of connections for the event loop that uses it.

    ``post`` is the short way in for what is sent again and again; httpx's own comes to the same.
    """

    def __init__(self, *, max_connections: int = 1000) -> None:
        self._idle: dict[Origin, list[Connection]] = {}
        self._slots = asyncio.Semaphore(max_connections)
        self._tls = ssl.create_default_context()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Do as ``post``, with httpx's types; its timeouts for pool and connect are heeded."""
        response = await self.post(
            _target(request), request.content, **_timeouts(request.extensions.get("timeout", {}))
        )
        headers = list(response.headers.items())
        return httpx.Response(response.status, headers=headers, stream=response.body)

    async def post(
        self,
        target: Target,
        body: bytes,
        *,
        pool_timeout: float | None = None,
        connect_timeout: float | None = None,
    ) -> Response:
        """Send a request; returns when the response's head is there. Times in seconds.

        Raises ``httpx.PoolTimeout``, ``ConnectTimeout``, ``ConnectError``, or
        ``RemoteProtocolError`` and ``ReadError`` when the connection ends before a response.
        """
        if self._slots.locked():
            await _within(pool_timeout, self._slots.acquire(), httpx.PoolTimeout)
        else:
            await self._slots.acquire()
        try:
            return await self._send(target, body, connect_timeout)
        except BaseException:
            self._slots.release()
            raise

    async def aclose(self) -> None:
        """Close what is idle; what is in use closes when it is given back."""
        for connections in self._idle.values():
            for connection in connections:
                connection.cut()
        self._idle.clear()

    async def _send(self, target: Target, body: bytes, patience: float | None) -> Response:
        origin = target.origin
        head = b"%bcontent-length: %d\r\n\r\n" % (target.head, len(body))
        pooled = self._take(origin)
        if pooled:
            try:
                return await self._exchange(pooled, origin, head, body)
            except httpx.TransportError:
                if not pooled.was_stale:
                    raise
        connection = await _within(patience, self._connect(origin), httpx.ConnectTimeout)
        return await self._exchange(connection, origin, head, body)

    async def _exchange(
        self, connection: "Connection", origin: Origin, head: bytes, body: bytes
    ) -> Response:
        try:
            status, headers = await connection.send(head, body)
        except BaseException:
            connection.cut()
            raise
        return Response(status, headers, Body(connection, self, origin))

    async def _connect(self, origin: Origin) -> "Connection":
        scheme, host, port = origin
        tls = self._tls if scheme == b"https" else None
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, host.decode(), port or (443 if tls else 80), ssl=tls
            )
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        return connection

    def _take(self, origin: Origin) -> "Connection | None":
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if not connection.closed and time.monotonic() - connection.idle_since < _IDLE_SECONDS:
                return connection
            connection.cut()
        return None

    def give_back(self, connection: "Connection", origin: Origin) -> None:
        """Take a connection whose response is over, one way or another."""
        self._slots.release()
        if connection.reusable:
            connection.idle_since = time.monotonic()
            self._idle.setdefault(origin, []).append(connection)
        else:
            connection.cut()


class Body(httpx.AsyncByteStream):
    """A response's body. Whoever has it must ``aclose`` or ``finish`` it."""

    def __init__(self, connection: "Connection", transport: Transport, origin: Origin) -> None:
        self._connection = connection
        self._transport = transport
        self._origin = origin
        self._open = True

    async def read(self, timeout: float | None = None) -> bytes:
        """Return what has come since, waiting for some; b"" at the end.

        Raises ``TimeoutError`` (the body can be read on), ``httpx.ReadError`` or
        ``httpx.RemoteProtocolError``.
        """
        return await self._connection.read(timeout)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self.read():
            yield data

    async def aclose(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Give the connection back if the body is over, else cut it."""
        if self._open:
            self._open = False
            self._transport.give_back(self._connection, self._origin)

    def finish(self) -> None:
        """Let an almost finished body run out by itself, for the sake of its connection."""
        if self._connection.reusable:
            self.leave()
            return
        deadline = asyncio.get_running_loop().call_later(_FINISH_SECONDS, self.leave)

        def over() -> None:
            deadline.cancel()
            self.leave()

        self._connection.when_over(over)


class Connection(asyncio.Protocol):
    """One connection: a request at a time, its response parsed as it comes."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.closed = False
        self.idle_since = 0.0
        self._reset()

    def _reset(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._head: asyncio.Future[tuple[int, dict[bytes, bytes]]] | None = None
        self._headers: dict[bytes, bytes] = {}
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
        """Tell whether the server had closed this connection before our request came.

        Then it can be sent again (RFC 9112, 9.3.1). The end comes back within a round trip and
        without a byte of a response; when it comes later, the server may have been at work, and
        a POST must not be sent twice (RFC 9110, 9.2.2).
        """
        return not self.heard and time.monotonic() - self._sent_at < _STALE_SECONDS

    @property
    def reusable(self) -> bool:
        """Tell whether the last response is over, and the connection fit for another."""
        return self._over and self._keeps_alive and not self.closed and not self._chunks

    async def send(self, head: bytes, body: bytes) -> tuple[int, dict[bytes, bytes]]:
        """Send a request; returns status and headers of its response."""
        self._reset()
        if self.closed or self._transport is None:
            self._sent_at = time.monotonic()
            raise httpx.ReadError("the connection was closed")
        self._head = self._loop.create_future()
        self._sent_at = time.monotonic()
        self._transport.writelines([head, body])
        return await self._head

    async def read(self, timeout: float | None) -> bytes:
        """See ``Body.read``."""
        if not self._chunks and not self._over and self._failure is None:
            await self._news(timeout)
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
        return b""

    def when_over(self, callback: Any) -> None:
        """Call back once, when the response is over or the connection lost."""
        self._when_over = callback

    def cut(self) -> None:
        """Close at once; the other side learns of it."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    async def _news(self, timeout: float | None) -> None:
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(timeout, _expire, waiter) if timeout is not None else None
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        metrics.CONNECTIONS.inc()

    def data_received(self, data: bytes) -> None:
        if self._head is None or self._over:  # Nobody asked: not to be trusted any more.
            self.cut()
            return
        self.heard = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(httpx.RemoteProtocolError(str(error)))
            self.cut()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        metrics.CONNECTIONS.dec()
        if self._ends_with_connection and error is None:
            self.on_message_complete()
        elif not self._over:
            kind = httpx.ReadError if error else httpx.RemoteProtocolError
            self._fail(kind(str(error) if error else "the connection ended before the response"))

    # httptools

    def on_message_begin(self) -> None:
        self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # 1xx: the real response follows.
            return
        self._ends_with_connection = not (
            b"content-length" in self._headers or b"transfer-encoding" in self._headers
        )
        self._keeps_alive = self._parser.should_keep_alive()
        if self._head is not None and not self._head.done():
            self._head.set_result((status, self._headers))

    def on_body(self, data: bytes) -> None:
        self._chunks.append(data)
        self._ahead += len(data)
        if self._ahead > _AHEAD_BYTES and not self._paused and self._transport:
            self._paused = True  # The client is slow: so are we.
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        if self._head is None or not self._head.done():
            return  # Only a 1xx was complete.
        self._over = True
        self._wake()
        self._call_over()

    def _fail(self, failure: httpx.TransportError) -> None:
        if self._failure is None:
            self._failure = failure
        if self._head is not None and not self._head.done():
            self._head.set_exception(failure)
        self._wake()
        self._call_over()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _call_over(self) -> None:
        callback, self._when_over = self._when_over, None
        if callback is not None:
            self._chunks.clear()  # Nobody will read them any more.
            callback()


def _expire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


async def _within(seconds: float | None, waiting: Any, error: type[httpx.TimeoutException]) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await waiting
    except TimeoutError as late:
        raise error(f"{seconds} s have passed") from late


def _timeouts(given: Mapping[str, float | None]) -> dict[str, float | None]:
    return {f"{name}_timeout": given.get(name) for name in ("pool", "connect")}
