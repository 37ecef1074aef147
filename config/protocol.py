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
from core.http.headers import PLAIN_HEAD, PlainHead
from core.loops import Alarm

# Bytes of a head, beside those that come with its end. The parser adds what comes to what it has,
# so a hundred million would keep a worker busy for half a minute.
_LONGEST_HEAD = 65_536

# For how long an idle connection stays open when the server is told to stop: a request may have
# come that is not read yet, or be on its way. nginx has `keepalive_min_timeout` for that:
# https://nginx.org/en/docs/http/ngx_http_core_module.html#keepalive_min_timeout
_LINGER_SECONDS = 0.5


class Protocol(HttpToolsProtocol):
    """A client's connection. One that sends no whole head in time, or a long one, is closed.

    One alarm serves this and uvicorn's time limit for a connection without a request.

    uvicorn tells the request that came last of the connection's end. With pipelining another one
    is being answered: that one is told here, or it would write to a closed connection.
    """

    _is_waiting = False  # for the end of a head
    _answered: RequestResponseCycle | None = None
    _is_last = False  # the request that is received, or the next one
    _of_head = 0  # bytes that have come of a head that is not whole

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._patience = Alarm(self._close)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._patience.stop()
        self._client_is_gone()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_waiting:
            if self._of_head > _LONGEST_HEAD:
                self.send_400_response("The head of the request is too long.")
                return
            self._of_head += len(data)
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._is_waiting:
            self._wait()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self.scope[TELLS] = True  # type: ignore[literal-required]  # one of our own
        super().on_headers_complete()
        if self.scope["http_version"] == "1.0":
            self.cycle.__class__ = PlainCycle
        else:
            self.cycle.__class__ = Cycle
            self.scope[PLAIN_HEAD] = True  # type: ignore[literal-required]  # as above
        if self._is_last:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close the connection, if it is idle once a request that was sent before would be here."""
        self._is_last = True
        if self.cycle is None or self.cycle.response_complete:
            self._patience.set(_LINGER_SECONDS)
        else:
            super().shutdown()

    def on_response_complete(self) -> None:
        """Do as uvicorn, but without a timer of its own for each pause between two requests."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._is_waiting:
            self._patience.set(self.timeout_keep_alive)

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
        self._is_waiting = True
        self._patience.set(gunicorn.head_timeout)

    def _stop_waiting(self) -> None:
        self._is_waiting = False
        self._patience.clear()

    def _close(self) -> None:
        self._is_waiting = False
        self.transport.close()


class Cycle(RequestResponseCycle):
    """An answer. A ``PlainHead`` is written in one piece, in the end as uvicorn writes a head.

    uvicorn looks at each header's name and value with two regular expressions: with the twenty
    headers of an answer, that is a thirtieth of all that a proxied request takes.
    """

    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        head = message.get(PLAIN_HEAD)
        if head is None or self.disconnected or self.response_started:
            await super().send(message)
        else:
            self._start(message["status"], head, message.get("body"))

    def whole_body(self) -> bytes | None:
        """Return the request's body if all of it has come; else it has to be received."""
        if self.more_body or self.disconnected or self.waiting_for_100_continue:
            return None
        self.flow.resume_reading()
        self.message_event.clear()
        body, self.body = bytes(self.body), bytearray()
        return body

    def write_part(self, body: bytes) -> bool:
        """Write a part of a stream if that can be done at once; else it has to be sent."""
        if self.flow.write_paused or self.disconnected or not (body and self.chunked_encoding):
            return False
        self.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        return True

    def _start(self, status: int, head: PlainHead, body: bytes | None) -> None:
        self.response_started, self.waiting_for_100_continue = True, False
        block = b""
        for header in self.default_headers:
            block += b"%b: %b\r\n" % header
        block += head.lines
        if head.closes:
            self.keep_alive = False
        elif not self.keep_alive:
            block += b"connection: close\r\n"
        has_body = self.scope["method"] != "HEAD" and status not in (204, 304)
        if head.length is not None:
            self.chunked_encoding, self.expected_content_length = False, head.length
        elif has_body:
            self.chunked_encoding = True
            block += b"transfer-encoding: chunked\r\n"
        whole = body if body and has_body else b""
        self.transport.write(b"".join((STATUS_LINE[status], block, b"\r\n", whole)))
        if body is not None:
            self._complete()

    def _complete(self) -> None:
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


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
