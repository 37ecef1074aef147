"""What is measured: six loads, and the figures that each yields for one contender."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from tests.load.client import Load, Result, send
from tests.load.contenders import Contender, Site
from tests.load.processes import Server

Figures = dict[str, float]


@dataclass(frozen=True)
class Running:
    """A contender that has been started; its load comes from another core."""

    contender: Contender
    site: Site
    server: Server | None
    port: int
    load_core: int | None
    start_cpu: float = 0.0
    """The CPU seconds that it had used when it listened."""

    def cpu(self) -> float:
        return self.server.cpu() if self.server else 0.0

    def memory(self) -> float:
        return self.server.memory() if self.server else 0.0


@dataclass(frozen=True)
class Scenario:
    """``figures`` runs it once, scaled by a factor that makes it shorter or longer."""

    name: str
    title: str
    figures: Callable[[Running, float], Figures]
    streams: bool = False


def _load(running: Running, prompt: str, *, stream: bool, **how: float) -> Load:
    body = {
        "model": running.contender.model,
        "messages": [{"role": "user", "content": f"Tell me a story. {prompt}"}],
        "stream": stream,
    }
    return Load(
        port=running.port,
        path=running.contender.path,
        body=json.dumps(body),
        headers=running.contender.headers(running.site),
        **how,  # type: ignore[arg-type]
    )


def warm_up(running: Running, *, stream: bool) -> None:
    """Send some requests that do not count. Raises ``RuntimeError`` when any fails."""
    prompt = "[[n=20,d=0]]"
    result = send(_load(running, prompt, stream=stream, connections=32, requests=300, seconds=60))
    if result.failed or not result.answered:
        name = running.contender.name
        raise RuntimeError(f"{name} failed {result.failed} times: {result.first_failure}")


def _run(running: Running, load: Load) -> tuple[Result, float]:
    """Return the result, and the CPU seconds that the contender spent on it."""
    before = running.cpu()
    result = send(load, core=running.load_core)
    return result, running.cpu() - before


def _per(cpu: float, count: int) -> float:
    """Return CPU milliseconds for each."""
    return cpu * 1000 / count if count else float("nan")


def _json(running: Running, scale: float) -> Figures:
    load = _load(running, "[[n=20,d=0]]", stream=False, connections=64, seconds=4 * scale)
    result, cpu = _run(running, load)
    return {
        "requests/s": result.rate,
        "CPU ms/request": _per(cpu, result.answered),
        "p50 ms": result.whole["p50"],
        "p95 ms": result.whole["p95"],
        "failed": result.failed,
    }


def _flood(running: Running, scale: float) -> Figures:
    load = _load(running, "[[n=2000,d=0]]", stream=True, connections=16, seconds=4 * scale)
    result, cpu = _run(running, load)
    return {
        "chunks/s": result.event_rate,
        "CPU ms/chunk": _per(cpu, result.events),
        "failed": result.failed,
    }


def _first_byte(running: Running, scale: float) -> Figures:
    load = _load(running, "[[n=10,d=10]]", stream=True, connections=16, seconds=4 * scale)
    result, _ = _run(running, load)
    return {
        "p50 ms": result.first_byte["p50"],
        "p95 ms": result.first_byte["p95"],
        "failed": result.failed,
    }


def _many(running: Running, scale: float) -> Figures:
    """500 streams of 50 chunks, over 10 s; the memory is read near their end."""
    idle = running.memory()
    load = _load(
        running,
        "[[n=50,d=200]]",
        stream=True,
        connections=500,
        requests=500,
        seconds=60,
        ramp=0.2,
    )
    watch = _Peak(running)
    result, cpu = watch.during(lambda: _run(running, load))
    return {
        "seconds": result.seconds,
        "CPU ms/chunk": _per(cpu, result.events),
        "more MB": watch.most - idle,
        "MB": watch.most,
        "failed": result.failed,
    }


def _idle(running: Running, scale: float) -> Figures:
    """1,000 streams that have begun, and then wait for a chunk."""
    idle = running.memory()
    load = _load(
        running,
        "[[n=1,d=8000]]",
        stream=True,
        connections=1_000,
        requests=1_000,
        seconds=90,
        ramp=4,
    )
    watch = _Peak(running)
    result, cpu = watch.during(lambda: _run(running, load))
    return {
        "more MB for 1,000": watch.most - idle,
        "CPU s": cpu,
        "failed": result.failed,
    }


def _rate(running: Running, scale: float) -> Figures:
    load = _load(running, "[[n=20,d=200]]", stream=False, rate=300, seconds=5 * scale)
    result, cpu = _run(running, load)
    return {
        "p50 ms": result.whole["p50"],
        "p95 ms": result.whole["p95"],
        "p99 ms": result.whole["p99"],
        "p99.9 ms": result.whole["p99.9"],
        "CPU ms/request": _per(cpu, result.answered),
        "failed": result.failed,
    }


class _Peak:
    """The most memory that a server has while something runs."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.most = 0.0

    def during(self, run: Callable[[], tuple[Result, float]]) -> tuple[Result, float]:
        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(run)
            while not running.done():
                self.most = max(self.most, self._running.memory())
                wait([running], timeout=0.5)
            return running.result()


SCENARIOS = [
    Scenario("json", "JSON answers at 64 connections", _json),
    Scenario(
        "flood", "Streams of 2000 chunks without a pause, at 16 connections", _flood, streams=True
    ),
    Scenario(
        "first",
        "Time to the first byte at 16 connections (10 ms upstream)",
        _first_byte,
        streams=True,
    ),
    Scenario("many", "500 streams of 50 chunks, over 10 s", _many, streams=True),
    Scenario("idle", "1,000 streams that wait 8 s for their chunk", _idle, streams=True),
    Scenario("rate", "300 requests a second, whatever comes, on a 200 ms upstream", _rate),
]

START = Scenario("start", "Start, until it listens, and memory after 600 requests", lambda *_: {})
