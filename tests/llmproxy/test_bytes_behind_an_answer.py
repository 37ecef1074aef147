"""Bytes that a provider sends behind an answer are no part of another: its connection is closed."""

import asyncio

import pytest

from llmproxy.upstream.transport import Transport, target

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "behind",
    [b"HT", ANSWER, ANSWER[:-1], b"HTTP/1.1 200 OK\r\nx-one: ", b"HTTP/1.1 100 Continue\r\n"],
)
async def test_the_next_request_is_answered_on_another_connection(behind: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (ANSWER + behind, ANSWER):
            await reader.readuntil(b"{}")
            writer.write(answer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    where = target("POST", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {})
    pool = Transport()
    async with server:
        for _ in range(2):
            answer = await pool.post(where, b"{}")
            assert b"".join([part async for part in answer.body]) == b"ok"
            await answer.body.aclose()
        await pool.aclose()
