"""An HTTP/1.1 server: keep-alive, chunked bodies, 100-continue, and client disconnects.

A protocol of its own, so that faults can be made of bare bytes and resets.
"""

import asyncio
import contextlib
import socket
import struct
import sys
from collections import deque
from functools import partial
from typing import cast

import httptools

from devserver.upstream import wire
from devserver.upstream.app import App
from devserver.upstream.errors import ApiError
from devserver.upstream.wire import Request

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: closing sends RST


class Connection(asyncio.Protocol):
    """One client; its requests are answered one after the other."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._body: list[bytes] = []
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    # The socket's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.clear()
        if self._task is not None:
            # Not before its first step, or it would never note its own end.
            asyncio.get_running_loop().call_soon(self._task.cancel)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.write(wire.refusal(ApiError(400, "This is not a request we can read.")))
            self.hang_up()
            return
        self._answer_next()

    # The parser's side.

    def on_message_begin(self) -> None:
        self._request = Request()
        self._body = []

    def on_url(self, url: bytes) -> None:
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self._request.headers.get(b"expect", b"").lower() == b"100-continue":
            self.write(wire.CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._request.method = self._parser.get_method().decode("latin-1")
        self._request.body = b"".join(self._body)
        self._waiting.append((self._request, self._parser.should_keep_alive()))

    # The answers.

    def _answer_next(self) -> None:
        while self._waiting and self._task is None:
            request, keep_alive = self._waiting.popleft()
            answering = self._app.answer(request, self)
            if answering is not None:
                self._task = asyncio.ensure_future(answering)
                self._task.add_done_callback(partial(self._answered, keep_alive))
            elif not keep_alive:
                self.hang_up()

    def _answered(self, keep_alive: bool, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        if task.exception() is not None:
            self.reset()
            task.result()
        if not keep_alive:
            self.hang_up()
        self._answer_next()

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():  # Whoever answers is about to be cancelled.
            self._transport.write(data)

    async def drain(self) -> None:
        await asyncio.sleep(0)
        await self._writable.wait()

    def hang_up(self) -> None:
        self._transport.close()

    def reset(self) -> None:
        sock = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):  # it may be closed by now, and None
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()


async def listen(app: App, *, host: str, port: int) -> asyncio.Server:
    """Listen; port 0 lets the system choose."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(app), host, port, backlog=4096)


def announce(server: asyncio.Server, *, host: str) -> None:
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"listening on http://{host}:{port}\n")
    sys.stdout.flush()
