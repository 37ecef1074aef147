"""A fast and complete httpx transport, over ``llmproxy.upstream.connection``.

httpx's default transport takes more time for each request than the rest of this proxy, and becomes
slower with each open connection. This one keeps httpx's types (`Request`, `Response`, its errors)
and has the features that a proxy needs: pooled connections by origin with a limit, TLS, timeouts to
connect and to wait for the pool, one retry if a pooled connection is stale, a body with a timeout
for each read, bounded memory, and connections that are closed at once when their request is
cancelled.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any, NamedTuple

import httpx
from msgspec import Struct

from llmproxy.upstream.connection import Connection

_IDLE_SECONDS = 55.0
_FINISH_SECONDS = 1.0

Origin = tuple[bytes, bytes, int | None]


class Target(NamedTuple):
    """The origin and the head of requests of one kind. Only the body's length is missing."""

    origin: Origin
    head: bytes


def target(method: str, url: str, headers: Mapping[str, str]) -> Target:
    """Serialize the common head of requests of one kind, once, as httpx would."""
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


class Response(Struct, frozen=True):
    """A response's head, with names in lower case, and its unread body."""

    status: int
    headers: dict[bytes, bytes]
    body: "Body"


class Transport(httpx.AsyncBaseTransport):
    """One pool of connections for the event loop that uses it.

    ``post`` is a faster way to send requests with the same head; httpx's interface is equivalent.
    """

    def __init__(self, *, max_connections: int = 1000) -> None:
        self._idle: dict[Origin, list[Connection]] = {}
        self._free = max_connections
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._tls = ssl.create_default_context()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request with httpx's types, and its timeouts for pool and connect."""
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
        head_by: float | None = None,
    ) -> Response:
        """Send a request. Returns when the response's head has arrived. Times in seconds.

        Raises ``TimeoutError`` at ``head_by`` (the event loop's clock), ``httpx.PoolTimeout``,
        ``ConnectTimeout``, ``ConnectError``, or ``RemoteProtocolError`` and ``ReadError`` if the
        connection ends before a response.
        """
        if self._free:
            self._free -= 1
        else:
            await _within(pool_timeout, self._freed(), httpx.PoolTimeout)
        try:
            origin = target.origin
            head = b"%bcontent-length: %d\r\n\r\n" % (target.head, len(body))
            if pooled := self._take(origin):
                try:
                    status, headers = await pooled.send(head, body, head_by)
                    return Response(status, headers, Body(pooled, self, origin))
                except httpx.TransportError:
                    if not pooled.was_stale:
                        raise
            connecting = self._connect(origin)
            connection = await _within(connect_timeout, connecting, httpx.ConnectTimeout)
            status, headers = await connection.send(head, body, head_by)
            return Response(status, headers, Body(connection, self, origin))
        except BaseException:
            self._release()
            raise

    async def aclose(self) -> None:
        """Close the idle connections. Those in use are closed when they are returned."""
        for connections in self._idle.values():
            for connection in connections:
                connection.cut()
        self._idle.clear()

    async def _freed(self) -> None:
        """Wait until another request leaves its connection to this one."""
        freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(freed)
        try:
            await freed
        except asyncio.CancelledError:
            if freed.done() and not freed.cancelled():  # It was left in the same moment.
                self._release()
            raise

    def _release(self) -> None:
        while self._waiting:
            freed = self._waiting.popleft()
            if not freed.done():
                freed.set_result(None)
                return
        self._free += 1

    async def _connect(self, origin: Origin) -> Connection:
        scheme, host, port = origin
        tls = self._tls if scheme == b"https" else None
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection, host.decode(), port or (443 if tls else 80), ssl=tls
            )
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        return connection

    def _take(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if not connection.closed and time.monotonic() - connection.idle_since < _IDLE_SECONDS:
                return connection
            connection.cut()
        return None

    def give_back(self, connection: Connection, origin: Origin) -> None:
        """Take back a connection whose response has ended."""
        self._release()
        if connection.reusable:
            connection.idle_since = time.monotonic()
            self._idle.setdefault(origin, []).append(connection)
        else:
            connection.cut()


class Body(httpx.AsyncByteStream):
    """A response's body. The caller must ``aclose`` or ``finish`` it."""

    def __init__(self, connection: Connection, transport: Transport, origin: Origin) -> None:
        self._connection = connection
        # ``read`` in two steps, without a coroutine of its own, which is a tenth of a chunk's work.
        self.take, self.arrival = connection.take, connection.arrival
        self._transport = transport
        self._origin = origin
        self._open = True

    def read(self, timeout: float | None = None) -> Coroutine[Any, Any, bytes]:
        """Wait for bytes, and return those that have arrived; b"" at the end.

        Raises ``TimeoutError`` (the body can be read again), ``httpx.ReadError`` or
        ``httpx.RemoteProtocolError``.
        """
        return self._connection.read(timeout)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await self.read():
            yield data

    async def aclose(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Return the connection to the pool if the body is complete, else close it."""
        if self._open:
            self._open = False
            self._transport.give_back(self._connection, self._origin)

    def finish(self) -> None:
        """Read the rest of an almost complete body, so that its connection can be reused."""
        if self._connection.reusable:
            self.leave()
            return
        deadline = asyncio.get_running_loop().call_later(_FINISH_SECONDS, self.leave)

        def over() -> None:
            deadline.cancel()
            self.leave()

        self._connection.when_over(over)


async def _within(seconds: float | None, waiting: Any, error: type[httpx.TimeoutException]) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await waiting
    except TimeoutError as late:
        raise error(f"{seconds} s have passed") from late


def _timeouts(given: Mapping[str, float | None]) -> dict[str, float | None]:
    return {f"{name}_timeout": given.get(name) for name in ("pool", "connect")}
