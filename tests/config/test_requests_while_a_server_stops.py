"""A server that is told to stop answers what has been sent to it, also what it has not read yet."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from config import protocol
from config.protocol import Protocol
from tests.waiting import wait_for
from tests.webserver import WebServer


@dataclass(frozen=True)
class Server:
    """A web server whose one worker reads nothing while it is busy."""

    process: WebServer
    busy: Path
    log: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.process.port), timeout=60)

    @contextmanager
    def told_to_stop_while_busy(self) -> Iterator[None]:
        """Keep it busy; tell it to stop when the block ends, and let it read again after that."""
        self.busy.touch()
        with self.connect() as client:
            ask(client, "/busy")
            wait_for(lambda: "busy" in self.log.read_text())
            yield
            self.process.process.send_signal(signal.SIGTERM)
            wait_for(lambda: "told to stop" in self.log.read_text())
            self.busy.unlink()


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Server]:
    busy, log = tmp_path / "busy", tmp_path / "log"
    app = "tests.config.busy:application"
    with log.open("wb") as file, WebServer({"BUSY": str(busy)}, log=file, app=app) as process:
        yield Server(process, busy, log)


def ask(client: socket.socket, path: str = "/api/health") -> None:
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def answer(client: socket.socket) -> bytes:
    """Return an answer's head at least; nothing if the connection was closed without."""
    received = b""
    while b"\r\n\r\n" not in received and (part := client.recv(65_536)):
        received += part
    return received


def test_a_request_on_a_connection_that_was_not_accepted(server: Server) -> None:
    with server.told_to_stop_while_busy():
        client = server.connect()
        ask(client)

    with client:
        assert answer(client).startswith(b"HTTP/1.1 200")
    assert server.process.process.wait(timeout=60) == 0


async def hello(scope: Any, receive: Any, send: Any) -> None:
    headers = [(b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


@dataclass(frozen=True)
class Connection:
    """A client's connection, and what the server has of it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    served: ServerState

    def stop(self) -> None:
        (connection,) = self.served.connections
        connection.shutdown()

    async def answer(self) -> bytes:
        self.writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return await self.reader.readuntil(b"hello")


@asynccontextmanager
async def connected() -> AsyncIterator[Connection]:
    config = Config(hello, http=Protocol, ws="none", log_config=None)
    config.load()
    served = ServerState()

    def accept() -> Protocol:
        return Protocol(config=config, server_state=served, app_state={})

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield Connection(reader, writer, served)
    finally:
        writer.close()
        server.close()


async def test_a_request_on_a_kept_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_LINGER_SECONDS", 100.0)
    async with connected() as connection:
        assert b"connection: close" not in await connection.answer()

        connection.stop()

        assert b"connection: close" in await connection.answer()  # so that nobody sends another one
        assert await connection.reader.read() == b""


async def test_a_connection_without_a_request_is_closed_soon() -> None:
    async with connected() as connection:
        await connection.answer()

        connection.stop()

        assert await connection.reader.read() == b""
