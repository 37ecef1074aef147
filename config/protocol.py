"""uvicorn's HTTP protocol with request timeouts, and without chunked bodies for HTTP/1.0."""

import asyncio
from typing import Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from config import gunicorn
from core.http.disconnects import TELLS, disconnected


class Protocol(HttpToolsProtocol):
    """A client's connection. One that sends no whole head in time is closed.

    uvicorn tells the request that came last of the connection's end. With pipelining another one
    is being answered: that one is told here, or it would write to a closed connection.
    """

    _waiting: asyncio.TimerHandle | None = None
    _answered: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._client_is_gone()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._waiting is None:
            self._wait()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self.scope[TELLS] = True  # type: ignore[literal-required]  # one of our own
        super().on_headers_complete()
        if self.scope["http_version"] == "1.0":
            self.cycle.__class__ = PlainCycle

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
        super()._start_asgi_task(cycle, app)

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
        self._waiting = self.loop.call_later(gunicorn.head_timeout, self._close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _close(self) -> None:
        self._waiting = None
        self.transport.close()


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
