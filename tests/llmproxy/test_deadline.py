"""An attempt at a provider ends at its deadline, and what was known by then is not forgotten."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pytest_django import Settings

from llmproxy.providers import Dialect, Provider
from llmproxy.upstream import client
from llmproxy.upstream.client import AttemptFailed
from llmproxy.upstream.deadline import Deadline

PATH = "/chat/completions"


class Server:
    """Answers whatever comes with its words, then says nothing more; tells who hung up."""

    def __init__(self) -> None:
        self.words = b""
        self.left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.words)
        while await reader.read(1000):
            pass
        self.left.set()
        writer.close()


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[tuple[Server, Provider]]:
    settings.UPSTREAM_FIRST_BYTE_TIMEOUT = 0.2
    ours = Server()
    listening = await asyncio.start_server(ours.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield ours, Provider("slow", f"http://127.0.0.1:{port}", "", Dialect())
        await client.aclose()


async def test_a_head_that_does_not_come(server: tuple[Server, Provider]) -> None:
    ours, provider = server
    deadline = Deadline()

    with pytest.raises(TimeoutError):
        await client.post(provider, PATH, b"{}", deadline)

    assert deadline.missed == "first_byte_timeout"
    assert deadline.seconds_left == 0
    await asyncio.wait_for(ours.left.wait(), 10)  # The connection is not kept for another.


class AllButOver(Deadline):
    """There is time enough for the head of an answer, and hardly any for its body."""

    seconds_left = 0.05


async def test_an_error_whose_body_does_not_come(
    server: tuple[Server, Provider], settings: Settings
) -> None:
    settings.UPSTREAM_FIRST_BYTE_TIMEOUT = 60
    ours, provider = server
    ours.words = b"HTTP/1.1 429 Busy\r\nRetry-After: 7\r\nContent-Length: 50\r\n\r\n{"

    with pytest.raises(AttemptFailed) as failed:
        await client.post(provider, PATH, b"{}", AllButOver())

    assert (failed.value.status, failed.value.retry_after) == (429, 7)
    await asyncio.wait_for(ours.left.wait(), 10)


async def test_what_is_heard_puts_it_off(settings: Settings) -> None:
    settings.UPSTREAM_FIRST_BYTE_TIMEOUT = 1
    settings.UPSTREAM_IDLE_TIMEOUT = 100
    settings.UPSTREAM_CONTENT_TIMEOUT = 1000
    deadline = Deadline()
    assert deadline.seconds_left <= 1

    deadline.heard()

    assert 90 < deadline.seconds_left <= 100
    assert deadline.missed == "idle_timeout"


async def test_but_not_for_ever_without_content(settings: Settings) -> None:
    settings.UPSTREAM_IDLE_TIMEOUT = 100
    settings.UPSTREAM_CONTENT_TIMEOUT = 10
    deadline = Deadline()

    deadline.heard()

    assert deadline.seconds_left <= 10
    assert deadline.missed == "content_timeout"
