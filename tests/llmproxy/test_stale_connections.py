"""A pooled connection that the provider closed: a request is sent again only if nobody saw it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from llmproxy.upstream import connection
from llmproxy.upstream.transport import Transport

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers the first request of each connection, and ends the connection at the second."""

    def __init__(self) -> None:
        self.requests: list[int] = []
        self.connections = 0
        self.first_words = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        for answer in (ANSWER, self.first_words):
            if not await reader.readline():
                break
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(4)
            self.requests.append(number)
            writer.write(answer)
            await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, str]]:
    ours = Server()
    listening = await asyncio.start_server(ours.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield ours, f"http://127.0.0.1:{port}/"


async def post(pool: Transport, url: str) -> bytes:
    request = httpx.Request("POST", url, content=b"body")
    response = await pool.handle_async_request(request)
    try:
        return await response.aread()
    finally:
        await response.aclose()


async def test_a_request_is_sent_again_on_a_fresh_connection(server: tuple[Server, str]) -> None:
    ours, url = server
    pool = Transport()

    assert [await post(pool, url) for _ in range(2)] == [b"ok", b"ok"]

    assert ours.requests == [1, 1, 2]
    await pool.aclose()


async def test_what_the_server_was_at_work_on_is_not_sent_twice(
    server: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, url = server
    pool = Transport()
    await post(pool, url)
    monkeypatch.setattr(connection, "_STALE_SECONDS", 0.0)  # Any end comes too late.

    with pytest.raises(httpx.RemoteProtocolError):
        await post(pool, url)

    assert ours.requests == [1, 1]
    await pool.aclose()


async def test_what_the_server_began_to_answer_is_not_sent_twice(
    server: tuple[Server, str],
) -> None:
    ours, url = server
    ours.first_words = b"HTTP/1.1 200 OK\r\n"
    pool = Transport()
    await post(pool, url)

    with pytest.raises(httpx.RemoteProtocolError):
        await post(pool, url)

    assert ours.requests == [1, 1]
    await pool.aclose()
