"""Clients that ask at a steady rate by TLS, in a process: ``python -m tests.drill.load``.

It reads its orders as JSON from the first line of stdin, asks until stdin closes, waits for what is
still running, and writes every call as JSON to stdout.
"""

import asyncio
import json
import random
import ssl
import subprocess
import sys
import time
import uuid
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

from tests.drill.addresses import EDGE, HTTPS, SITE_HOST
from tests.load.chaos.callers import MODEL, Call

_PATH = "/api/llm/chat/completions"
_SHORT = ("[[n=5]]", "[[n=10,d=5]]", "[[n=20,d=10]]", "[[n=20,d=20]]")
_LONG = "[[n=150,d=100]]"  # 15 seconds
_STREAMED = 0.6
_ANSWER_SECONDS = 100.0


@dataclass
class TimedCall(Call):
    """A request, with its times in seconds since the epoch."""

    began: float = 0.0
    ended: float = 0.0
    long: bool = False

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass
class Orders:
    """``rate`` is in short requests per second; ``streams`` long ones run beside them."""

    root: str
    keys: list[str]
    rate: float
    streams: int
    host: str = EDGE
    port: int = HTTPS
    calls: list[TimedCall] = field(default_factory=list)


class Load:
    """The process, from the side that starts it."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.drill.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(self._orders)).encode() + b"\n")
        self._process.stdin.flush()

    def stop(self) -> list[TimedCall]:
        """Stop asking; returns every call when the last has ended."""
        output, _ = self._process.communicate(timeout=_ANSWER_SECONDS * 2)
        return [TimedCall(**one) for one in json.loads(output)]


class _Client:
    """Asks, and keeps connections that can be used again."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._tls = ssl.create_default_context(cafile=orders.root)
        self._idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()

    async def ask(self, call: TimedCall, prompt: str, *, stream: bool) -> None:
        """Send one request, and note in ``call`` how it ended."""
        call.began = time.time()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._ask(call, prompt, stream=stream)
        except (OSError, EOFError, TimeoutError, ssl.SSLError) as error:
            if call.outcome == "running":
                call.outcome = type(error).__name__
        call.ended = time.time()

    async def _ask(self, call: TimedCall, prompt: str, *, stream: bool) -> None:
        reader, writer = await self._connection()
        try:
            writer.write(self._request(call, prompt, stream=stream))
            status, headers = await _head(reader)
            body = _chunks(reader) if "transfer-encoding" in headers else _rest(reader, headers)
            if status != 200:
                whole = b"".join([part async for part in body])
                call.outcome = f"{status} {_code(whole)}"
            elif stream:
                call.outcome = "cut"  # until it ends
                await _read_events(body, call)
            else:
                whole = b"".join([part async for part in body])
                call.tokens = json.loads(whole)["usage"]["total_tokens"]
                call.outcome = "finished"
        except BaseException:
            writer.transport.abort()
            raise
        if headers.get("connection", "").lower() == "close":
            writer.transport.abort()
        else:
            self._idle.append((reader, writer))

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.transport.abort()
        return await asyncio.open_connection(
            self._orders.host, self._orders.port, ssl=self._tls, server_hostname=SITE_HOST
        )

    def _request(self, call: TimedCall, prompt: str, *, stream: bool) -> bytes:
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": prompt}],
            "stream": stream,
            **({"stream_options": {"include_usage": True}} if stream else {}),
        }
        text = json.dumps(body).encode()
        lines = [
            f"POST {_PATH} HTTP/1.1",
            f"Host: {SITE_HOST}",
            f"Authorization: Bearer {random.choice(self._orders.keys)}",
            f"X-Request-ID: {call.id}",
            "Content-Type: application/json",
            f"Content-Length: {len(text)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + text


def _code(body: bytes) -> str:
    """Return the code of an error in the API's shape."""
    try:
        return str(json.loads(body)["error"]["code"])
    except (ValueError, LookupError, TypeError):
        return "without a code"


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    return int(first.split(" ")[1]), headers


async def _chunks(reader: asyncio.StreamReader) -> Any:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")


async def _rest(reader: asyncio.StreamReader, headers: dict[str, str]) -> Any:
    yield await reader.readexactly(int(headers.get("content-length", "0")))


async def _read_events(body: Any, call: Call) -> None:
    text = b""
    async for part in body:
        text += part
        *lines, text = text.split(b"\n")
        for line in lines:
            if line == b"data: [DONE]":
                call.outcome = "finished"
            elif line.startswith(b"data: "):
                event = json.loads(line.removeprefix(b"data: "))
                if event.get("error"):
                    call.outcome = "told of an error"
                elif event.get("usage"):
                    call.tokens = event["usage"]["total_tokens"]


async def _run(orders: Orders) -> list[TimedCall]:
    client, running = _Client(orders), set[asyncio.Task[None]]()
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), over.set)

    def ask(prompt: str, *, stream: bool, long: bool = False) -> asyncio.Task[None]:
        call = TimedCall(id=uuid.uuid4().hex, long=long)
        orders.calls.append(call)
        task = asyncio.create_task(client.ask(call, prompt, stream=stream))
        running.add(task)
        task.add_done_callback(running.discard)
        return task

    async def stream_for_ever(pause: float) -> None:
        await asyncio.sleep(pause)
        while not over.is_set():
            await asyncio.shield(ask(_LONG, stream=True, long=True))
            await asyncio.sleep(0.5)

    streams = [
        asyncio.create_task(stream_for_ever(number / max(orders.streams, 1) * 5))
        for number in range(orders.streams)
    ]
    due = loop.time()
    while not over.is_set():
        due += 1 / orders.rate
        await asyncio.sleep(due - loop.time())
        ask(random.choice(_SHORT), stream=random.random() < _STREAMED)
    for task in streams:
        task.cancel()
    if running:
        await asyncio.wait(set(running))
    return orders.calls


if __name__ == "__main__":
    given = Orders(**json.loads(sys.stdin.readline()))
    calls = uvloop.run(_run(given))
    sys.stdout.write(json.dumps([asdict(call) for call in calls]))
