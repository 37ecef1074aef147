"""uvicorn's HTTP protocol with request timeouts, and without chunked bodies for HTTP/1.0."""

import asyncio
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from config import gunicorn
from core.http.disconnects import TELLS, disconnected
from core.http.headers import PLAIN_HEAD

# Bytes of a head, beside those that come with its end. The parser adds what comes to what it has,
# so a hundred million would keep a worker busy for half a minute.
_LONGEST_HEAD = 65_536


class Protocol(HttpToolsProtocol):
    """A client's connection. One that sends no whole head in time, or a long one, is closed.

    uvicorn tells the request that came last of the connection's end. With pipelining another one
    is being answered: that one is told here, or it would write to a closed connection.
    """

    _waiting: asyncio.TimerHandle | None = None
    _answered: RequestResponseCycle | None = None
    _of_head = 0  # bytes that have come of a head that is not whole

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._client_is_gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._waiting is not None:
            if self._of_head > _LONGEST_HEAD:
                self.send_400_response("The head of the request is too long.")
                return
            self._of_head += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._waiting is None:
            self._wait()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self.scope[TELLS] = True  # type: ignore[literal-required]  # one of our own
        super().on_headers_complete()
        is_old = self.scope["http_version"] == "1.0"
        self.cycle.__class__ = PlainCycle if is_old else Cycle

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP. An answer that is under way is cut: nothing fits into it."""
        answered = self._answered
        is_under_way = answered is not None and answered.response_started
        if self._client_is_gone() and is_under_way:
            self.transport.close()
        else:
            super().send_400_response(msg)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, getattr(app, "serve", app))

    def _client_is_gone(self) -> bool:
        """Tell the request that is being answered, if any, that nobody reads its answer."""
        cycle = self._answered
        if cycle is None or cycle.response_complete:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        disconnected(cycle.scope)
        return True

    def _wait(self) -> None:
        self._of_head = 0
        self._waiting = self.loop.call_later(gunicorn.head_timeout, self._close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _close(self) -> None:
        self._waiting = None
        self.transport.close()


_CONTROLS = bytes((*range(9), *range(10, 32), 127))  # without the tab


class Cycle(RequestResponseCycle):
    """An answer. A plain head (``PLAIN_HEAD``) is written as uvicorn does, but in one piece.

    uvicorn looks at each header's name and value with two regular expressions: with the twenty
    headers of an answer, that is a thirtieth of all that a proxied request takes.
    """

    async def send(self, message: Any) -> None:
        if self.disconnected or self.flow.write_paused or self.response_complete:
            await super().send(message)
        elif PLAIN_HEAD in message and not self.response_started:
            self._start(message["status"], self.default_headers + message["headers"])
        elif self.chunked_encoding and message.get("more_body") and (body := message.get("body")):
            self.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        else:
            await super().send(message)

    def _start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.response_started, self.waiting_for_100_continue = True, False
        block = b"\r\n".join(map(b": ".join, headers)) + b"\r\n"
        if len(block) - len(block.translate(None, _CONTROLS)) != 2 * len(headers):
            raise RuntimeError("A header contains a line break or another control character.")
        by_name = dict(headers)
        if b"close" in by_name.get(b"connection", b"").lower():
            self.keep_alive = False
        elif not self.keep_alive:
            block += b"connection: close\r\n"
        length = by_name.get(b"content-length")
        if length is not None:
            self.chunked_encoding, self.expected_content_length = False, int(length)
        elif self.scope["method"] != "HEAD" and status not in (204, 304):
            self.chunked_encoding = True
            block += b"transfer-encoding: chunked\r\n"
        self.transport.write(b"".join((STATUS_LINE[status], block, b"\r\n")))


class PlainCycle(RequestResponseCycle):
    """An answer to an HTTP/1.0 client, which knows no chunks: the body ends with the connection."""

    _ends_with_connection = False

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", ())}
            if b"content-length" not in names:
                self.chunked_encoding, self._ends_with_connection = False, True
        elif self._ends_with_connection:  # No length was announced that uvicorn could hold it to.
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)
