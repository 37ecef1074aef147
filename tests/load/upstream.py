"""``python -m tests.load.upstream PORT``: an upstream that is never the bottleneck.

All that it says is made beforehand. The prompt steers it: ``[[n=100,d=20]]`` is an answer of 100
chunks, 20 ms apart (with ``"stream": true``), or a JSON answer after 20 ms. Without a pause, each
chunk is a write to the socket of its own, as providers send them.
"""

import asyncio
import os
import re
import sys
from typing import NamedTuple, cast

import orjson
import uvloop

from tests.load import native

MODEL = "gpt-fake"
USAGE = {"prompt_tokens": 19, "completion_tokens": 42, "total_tokens": 61}

_STEERING = re.compile(rb"\[\[n=(\d+),d=(\d+)\]\]")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_STREAM = re.compile(rb'"stream" *: *true')
_TEXT = "The quick brown fox jumps over the lazy dog, and then it thinks about what it has done. "


def _answer(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


def _json() -> bytes:
    message = {"role": "assistant", "content": _TEXT * 2, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = orjson.dumps(
        {
            "id": "chatcmpl-0123456789",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": MODEL,
            "choices": [choice],
            "usage": USAGE,
        }
    )
    return _answer(body)


def _event(**fields: object) -> bytes:
    chunk = {
        "id": "chatcmpl-0123456789",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": MODEL,
        **fields,
    }
    return _chunk(b"data: " + orjson.dumps(chunk) + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _choice(delta: dict[str, str], finish: str | None) -> list[dict[str, object]]:
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]


_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


class _Words(NamedTuple):
    """The bytes of a whole answer; those of a stream before its tokens, of these, and after."""

    whole: bytes
    opening: bytes
    tokens: list[bytes]
    closing: bytes


_CHAT = _Words(
    _json(),
    _HEAD,
    [_event(choices=_choice({"content": " token"}, None))],
    _event(choices=_choice({}, "stop"))
    + _event(choices=[], usage=USAGE)
    + _chunk(b"data: [DONE]\n\n")
    + b"0\r\n\r\n",
)
_BY_PATH = {
    path: _Words(
        _answer(orjson.dumps(said.whole)),
        _HEAD + _chunk(said.opening),
        [_chunk(token) for token in said.tokens],
        _chunk(said.closing) + b"0\r\n\r\n",
    )
    for path, said in native.SAID.items()
}


def _words(request: bytes) -> _Words:
    path = request[: request.find(b" HTTP/")]
    return next((words for end, words in _BY_PATH.items() if path.endswith(end)), _CHAT)


class Connection(asyncio.Protocol):
    """One keep-alive connection; a request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._left = 0
        self._pause = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._socket = transport.get_extra_info("socket").fileno()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._received, 0, head)
        size = head + 4 + (int(length[1]) if length else 0)
        if len(self._received) >= size:
            request, self._received = self._received[:size], self._received[size:]
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        steering = _STEERING.search(request)
        self._left, pause = (int(steering[1]), int(steering[2])) if steering else (20, 0)
        self._pause = pause / 1000
        self._words = _words(request)
        if _STREAM.search(request):
            self._write(self._words.opening)
            self._later(self._stream)
        else:
            self._later(self._whole)

    def _later(self, step: object) -> None:
        if self._pause:
            self._timer = self._loop.call_later(self._pause, step)  # type: ignore[arg-type]
        else:
            step()  # type: ignore[operator]

    def _whole(self) -> None:
        self._write(self._words.whole)

    def _stream(self) -> None:
        while self._left:
            self._left -= 1
            self._write(self._words.tokens[self._left % len(self._words.tokens)])
            if self._pause:
                self._later(self._stream)
                return
        self._write(self._words.closing)

    def _write(self, data: bytes) -> None:
        """Write at once: the event loop would join what is written in one turn."""
        if self._transport.get_write_buffer_size() == 0:
            try:
                data = data[os.write(self._socket, data) :]
            except BlockingIOError:
                pass
            except OSError:
                self._transport.abort()
                return
        if data:
            self._transport.write(data)


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
