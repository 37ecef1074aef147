"""A client and an upstream in one thread, between which a proxy takes every step alone.

Each piece is sent in one write, and the next only when the last has arrived at the other end. So
what the proxy does for a request, and for a chunk of a stream, is the same each time: it never
depends on the timing how much of it comes at once.
"""

import json
import re
import select
import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson

from tests.load.upstream import USAGE

_PATIENCE = 120.0
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_FACTS = {"id": "chatcmpl-0123456789", "created": 1_700_000_000, "model": "gpt-fake"}
_TEXT = "The quick brown fox jumps over the lazy dog, and then it thinks about what it has done."
_LAST = b"0\r\n\r\n"


def _event(choices: list[dict[str, Any]], **more: Any) -> bytes:
    chunk = {**_FACTS, "object": "chat.completion.chunk", "choices": choices, **more}
    return _chunk(b"data: %b\n\n" % orjson.dumps(chunk))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _choice(delta: dict[str, str], finish: str | None = None) -> list[dict[str, Any]]:
    return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]


def _answer() -> bytes:
    message = {"role": "assistant", "content": _TEXT, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    whole = {**_FACTS, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    body = orjson.dumps(whole)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


_WHOLE = _answer()
_TOKEN = _event(_choice({"content": " token"}))
_BEGINNING = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    + _event(_choice({"role": "assistant", "content": ""}))
    + _TOKEN
)
_END = _event(_choice({}, "stop")) + _event([], usage=USAGE) + _chunk(b"data: [DONE]\n\n") + _LAST


@dataclass(frozen=True)
class Request:
    """One request: what the client sends, and whether the answer is a stream."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def streams(self) -> bool:
        return self.body.get("stream", False) is True

    @property
    def written(self) -> bytes:
        body = json.dumps(self.body).encode()
        headers = {"Host": "127.0.0.1", "Content-Type": "application/json", **self.headers}
        lines = [f"POST {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body


class Lockstep:
    """Both ends. ``port`` is where it listens as the upstream."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._upstream: socket.socket | None = None
        self._client: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for each in (self._listener, self._upstream, self._client):
            if each is not None:
                each.close()

    def connect(self, port: int) -> None:
        """Connect as the client to the proxy on a port."""
        if self._client is not None:
            self._client.close()
        self._client = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: Request, *, chunks: int = 1) -> bytes:
        """Send one request through the proxy; a stream has so many chunks of text."""
        assert self._client is not None
        self._client.sendall(request.written)
        self._await_request()
        assert self._upstream is not None
        if not request.streams:
            self._upstream.sendall(_WHOLE)
            return self._whole()
        self._upstream.sendall(_BEGINNING)
        answer = self._until(b"", b" token")
        for _ in range(chunks - 1):
            self._upstream.sendall(_TOKEN)
            answer += self._until(b"", b" token")
        self._upstream.sendall(_END)
        return self._until(answer, _LAST)

    def get(self, path: str) -> bytes:
        """Ask the proxy for something of its own; returns the body."""
        assert self._client is not None
        self._client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return self._whole().partition(b"\r\n\r\n")[2]

    def _whole(self) -> bytes:
        answer = self._until(b"", b"\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        missing = int(length[1]) - len(body) if length else 0
        while missing > 0:
            more = self._received()
            answer += more
            missing -= len(more)
        _require_success(answer)
        return answer

    def _until(self, answer: bytes, end: bytes) -> bytes:
        while end not in answer:
            answer += self._received()
            if answer.startswith(b"HTTP/"):
                _require_success(answer)
        return answer

    def _received(self) -> bytes:
        assert self._client is not None
        data = self._client.recv(1_000_000)
        if not data:
            raise RuntimeError("the proxy has closed the connection")
        return data

    def _await_request(self) -> None:
        """Read a whole request, on the connection of the last one or on a new one."""
        received, expected = b"", -1
        while expected < 0 or len(received) < expected:
            open_ones = [one for one in (self._upstream, self._listener) if one is not None]
            ready, _, _ = select.select(open_ones, [], [], _PATIENCE)
            if not ready:
                raise TimeoutError("the proxy sends no request")
            if self._listener in ready:
                self._upstream, _ = self._listener.accept()
                self._upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                continue
            assert self._upstream is not None
            data = self._upstream.recv(1_000_000)
            if not data:
                self._upstream.close()
                self._upstream = None
            received += data
            head, end, _ = received.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if end and length:
                expected = len(head) + len(end) + int(length[1])


def _require_success(answer: bytes) -> None:
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer.decode(errors="replace"))
