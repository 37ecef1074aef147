"""The load: keep-alive connections that speak just enough HTTP/1.1, in a process of its own.

Closed loop: N connections, each with one request at a time. Open loop: requests start at a fixed
rate, whatever becomes of the others, and their times count from when they were due.
"""

import asyncio
import dataclasses
import json
import re
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import cast

import uvloop

_ROOT = Path(__file__).resolve().parents[2]
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_END = b"0\r\n\r\n"
_GRACE_SECONDS = 60.0


@dataclasses.dataclass
class Load:
    """What is to be sent: for ``seconds``, or until ``requests`` are done, whichever is first.

    ``headers`` holds one set for each caller; the connections take them in turn. ``rate`` (requests
    per second) makes the loop an open one; ``ramp`` spreads the first requests over seconds.
    """

    port: int
    path: str
    body: str
    headers: list[dict[str, str]]
    connections: int = 64
    seconds: float = 3.0
    requests: int = 0
    rate: float = 0.0
    ramp: float = 0.0


@dataclasses.dataclass
class Result:
    """What came of it; times in milliseconds. ``cpu`` is the load generator's own, in seconds."""

    answered: int
    failed: int
    seconds: float
    events: int
    cpu: float
    whole: dict[str, float]
    first_byte: dict[str, float]
    first_failure: str = ""

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    @property
    def event_rate(self) -> float:
        return self.events / self.seconds


def send(load: Load, *, core: int | None = None) -> Result:
    """Run the load in a process of its own, on one core if that is given."""
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    done = subprocess.run(
        [*pinned, sys.executable, "-m", "tests.load.client", json.dumps(dataclasses.asdict(load))],
        cwd=_ROOT,
        capture_output=True,
        check=True,
        text=True,
        timeout=load.seconds + 2 * _GRACE_SECONDS,
    )
    return Result(**json.loads(done.stdout))


class Generator:
    """Starts requests and gathers what becomes of them."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.loop = asyncio.get_running_loop()
        self.whole: list[float] = []
        self.first_byte: list[float] = []
        self.events = 0
        self.failed = 0
        self.first_failure = ""
        self.last = 0.0
        self._started = 0
        self._running = 0
        self._idle: deque[Connection] = deque()
        self._over = asyncio.Event()
        body = load.body.encode()
        self._requests = [_request(load, headers, body) for headers in load.headers]
        self._connections = 0

    async def run(self) -> Result:
        began, cpu = time.perf_counter(), time.process_time()
        self._until = began + self.load.seconds
        if self.load.rate:
            await self._at_a_rate(began)
        else:
            pause = self.load.ramp / self.load.connections
            for _ in range(self.load.connections):
                self.loop.create_task(self.connect())
                await asyncio.sleep(pause)
        try:
            async with asyncio.timeout(self.load.seconds + _GRACE_SECONDS):
                while self._running or self.wants_more():
                    self._over.clear()
                    await self._over.wait()
        except TimeoutError:
            self.fail("no answer in time")
        return Result(
            answered=len(self.whole),
            failed=self.failed,
            seconds=(self.last or time.perf_counter()) - began,
            events=self.events,
            cpu=time.process_time() - cpu,
            whole=_percentiles(self.whole),
            first_byte=_percentiles(self.first_byte),
            first_failure=self.first_failure,
        )

    async def _at_a_rate(self, began: float) -> None:
        due = began
        while self.wants_more():
            due += 1 / self.load.rate
            await asyncio.sleep(due - time.perf_counter())
            if self._idle:
                self._idle.popleft().ask(due)
            else:
                self.loop.create_task(self.connect(due))

    def wants_more(self) -> bool:
        enough = self.load.requests and self._started >= self.load.requests
        return not enough and time.perf_counter() < self._until

    async def connect(self, due: float | None = None) -> None:
        request = self._requests[self._connections % len(self._requests)]
        self._connections += 1
        due = due or time.perf_counter()
        try:
            _, connection = await self.loop.create_connection(
                lambda: Connection(self, request), "127.0.0.1", self.load.port
            )
        except OSError as error:
            self.fail(str(error))
            return
        connection.ask(due)

    def begins(self) -> None:
        self._started += 1
        self._running += 1

    def ends(self, connection: "Connection", *, reusable: bool) -> None:
        """Note that a request is over, and start the connection's next one."""
        self._running -= 1
        self.last = time.perf_counter()
        if self.load.rate:
            if reusable:
                self._idle.append(connection)
        elif self.wants_more():
            if reusable:
                connection.ask(self.last)
            else:
                self.loop.create_task(self.connect())
        self._over.set()

    def fail(self, why: str) -> None:
        self.failed += 1
        self.first_failure = self.first_failure or why[:300]
        self._over.set()


class Connection(asyncio.Protocol):
    """One connection, which asks and times one request after the other."""

    def __init__(self, generator: Generator, request: bytes) -> None:
        self._generator = generator
        self._request = request
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._busy:
            self._ended(f"closed: {self._head[:200]!r} {exc}")

    def ask(self, due: float) -> None:
        self._busy = True
        self._due = due
        self._head = b""
        self._in_head = True
        self._left = 0
        self._tail = b""
        self._first = 0.0
        self._events = 0
        self._generator.begins()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._busy:
            return
        if self._in_head:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            data = self._head[end + 4 :]
            self._read_head(end)
            if not data and self._left != 0:
                return
        self._read_body(data)

    def _read_head(self, end: int) -> None:
        self._head = self._head[:end]
        self._in_head = False
        length = _LENGTH.search(self._head)
        self._left = int(length[1]) if length else -1

    def _read_body(self, data: bytes) -> None:
        self._first = self._first or time.perf_counter()
        if self._left >= 0:
            self._left -= len(data)
            if self._left <= 0:
                self._answered()
            return
        # An event's "data:" that two reads share is seen whole in the second.
        seen = self._tail + data
        self._events += seen.count(b"data:") - self._tail.count(b"data:")
        self._tail = seen[-5:]
        if self._tail == _END:
            self._answered()

    def _answered(self) -> None:
        if self._head.split(b" ", 2)[1] != b"200":
            self._ended(repr(self._head[:300]))
            return
        now, generator = time.perf_counter(), self._generator
        generator.whole.append((now - self._due) * 1000)
        generator.first_byte.append((self._first - self._due) * 1000)
        generator.events += self._events
        self._ended(None)

    def _ended(self, failure: str | None) -> None:
        self._busy = False
        if failure is not None:
            self._generator.fail(failure)
        reusable = b"connection: close" not in self._head.lower() and failure is None
        if not reusable:
            self._transport.close()
        self._generator.ends(self, reusable=reusable)


def _request(load: Load, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"POST {load.path} HTTP/1.1", f"Host: 127.0.0.1:{load.port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def _percentiles(times: list[float]) -> dict[str, float]:
    times.sort()
    return {
        f"p{share}": round(times[int((len(times) - 1) * share / 100)], 3) if times else float("nan")
        for share in (50, 95, 99, 99.9)
    }


async def _run(load: Load) -> Result:
    return await Generator(load).run()


if __name__ == "__main__":
    result = uvloop.run(_run(Load(**json.loads(sys.argv[1]))))
    sys.stdout.write(json.dumps(dataclasses.asdict(result)))
