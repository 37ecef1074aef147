"""A connection serves one request after another, until one is the last or nobody asks for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from config.protocol import Protocol

LONG = 60


def request(path: str) -> bytes:
    return f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


@dataclass
class App:
    """Answers a request with its path. "slow" waits until it ``may_end``; "last" is the last."""

    asked: list[str] = field(default_factory=list)
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        self.asked.append(path)
        self.is_asked.set()
        if path == "/slow":
            await self.may_end.wait()
        headers = [(b"content-length", b"%d" % len(path))]
        if path == "/last":
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": path.encode()})


@dataclass(frozen=True)
class Connection:
    """A client's connection, and the server's state and application."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    state: ServerState
    app: App

    async def answer(self) -> bytes:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return await self.reader.readexactly(int(length))


@asynccontextmanager
async def connected(*, keep_alive: int = LONG) -> AsyncIterator[Connection]:
    app, state = App(), ServerState()
    config = Config(app, http=Protocol, ws="none", log_config=None, timeout_keep_alive=keep_alive)
    config.load()

    def accept() -> Protocol:
        return Protocol(config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield Connection(reader, writer, state, app)
    finally:
        writer.close()
        server.close()


async def test_requests_that_are_sent_at_once_are_answered_one_after_the_other() -> None:
    async with connected() as connection:
        connection.writer.write(request("a") + request("b") + request("c"))

        assert [await connection.answer() for _ in range(3)] == [b"/a", b"/b", b"/c"]
        connection.writer.write(request("d"))
        assert await connection.answer() == b"/d"
        assert connection.state.total_requests == 4


async def test_a_request_behind_the_last_one_is_not_served() -> None:
    async with connected() as connection:
        connection.writer.write(request("a") + request("last") + request("b"))

        assert (await connection.reader.read()).endswith(b"/last")
        assert connection.app.asked == ["/a", "/last"]


async def test_one_without_a_request_is_closed_in_the_end() -> None:
    async with connected(keep_alive=0) as connection:
        connection.writer.write(request("a"))

        assert await connection.answer() == b"/a"
        assert await connection.reader.read() == b""


async def test_one_with_half_a_request_is_not_one_without() -> None:
    async with connected(keep_alive=0) as connection:
        whole = request("b")
        connection.writer.write(request("slow") + whole[:10])
        await connection.app.is_asked.wait()
        connection.app.may_end.set()
        assert await connection.answer() == b"/slow"

        connection.writer.write(whole[10:])

        assert await connection.answer() == b"/b"
