"""The scenes: limits in peace, then a thousand users, and one, while things break."""

import asyncio
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from django.db import connection
from django.utils import timezone

from tests.fakes.upstream_process import UpstreamProcess
from tests.load import proxy, stage
from tests.load.chaos import people, proof
from tests.load.chaos.breaking import Breaker
from tests.load.chaos.callers import MODEL, Call, ask, load
from tests.load.chaos.proof import Evidence
from tests.load.processes import Server
from tests.ports import free_port

_CLIENTS = 64
_WORKERS = 3
_HOLD_SECONDS = 12  # Killed workers' holds are waited for at the end.
_NOTED_EVERY = 2.0  # seconds; the upstream remembers its last 10,000 requests.
_AT_ONCE, _A_MINUTE = 17, 50


def run(upstream: UpstreamProcess, *, seconds: float, seed: int | None) -> int:
    """Play all scenes and tell; returns the exit status."""
    proxy.prepare()
    proxy.serve(MODEL, provider="openrouter")
    found = _limits(upstream)
    for users in (1000, 1):
        found += _chaos(upstream, users=users, seconds=seconds, seed=seed)
    sys.stdout.write("\n".join(found[:50] or ["everything holds"]) + "\n")
    return 1 if found else 0


@contextmanager
def _server(upstream: UpstreamProcess, *, workers: int) -> Iterator[tuple[Server, str]]:
    port = free_port()
    env = {
        **proxy.environment(upstream.url),
        "PORT": str(port),
        "WEB_CONCURRENCY": str(workers),
        "RESERVATION_TTL": str(_HOLD_SECONDS),
        "SETTLEMENT_SPOOL": str(stage.folder() / "spool"),
        "LOG_LEVEL": "WARNING",
    }
    log = stage.folder() / "chaos.log"
    with Server(proxy.gunicorn(), port=port, log=log, core=None, env=env) as server:
        yield server, f"http://127.0.0.1:{port}/api/llm/chat/completions"


def _limits(upstream: UpstreamProcess) -> list[str]:
    """Of 200 requests at once, exactly as many pass as the plan says, over four workers."""
    by_minute = people.with_keys(1, tier=people.plan("chaos-minute", requests_per_minute=_A_MINUTE))
    at_once = people.with_keys(1, tier=people.plan("chaos-once", concurrent_requests=_AT_ONCE))
    found = []
    with _server(upstream, workers=4) as (_, url):
        for (key,), most in ((by_minute, _A_MINUTE), (at_once, _AT_ONCE)):
            seen = asyncio.run(_at_once(url, key, 200))
            _say(f"200 requests at once, {most} allowed: {dict(seen)}")
            if seen != {"finished": most, "status 429": 200 - most}:
                found.append(f"{most} requests are allowed, and clients saw {dict(seen)}")
    return found


async def _at_once(url: str, key: str, number: int) -> Counter[str]:
    calls = [Call() for _ in range(number)]
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=90, trust_env=False, limits=limits) as http:
        # Longer than it takes to send them all: those that pass overlap.
        await asyncio.gather(*(ask(http, url, key, call, "[[n=5,first=8000]]") for call in calls))
    return Counter(call.outcome for call in calls)


def _chaos(upstream: UpstreamProcess, *, users: int, seconds: float, seed: int | None) -> list[str]:
    keys = people.with_keys(users, tier=people.plan("chaos"))
    spool = stage.folder() / "spool"
    shutil.rmtree(spool, ignore_errors=True)
    evidence = Evidence(timezone.now(), [spool])
    with _server(upstream, workers=_WORKERS) as (server, url):
        breaker = Breaker(server, seed=seed)
        asyncio.run(_load_and_break(upstream, url, keys, breaker, evidence, seconds))
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL was restarted under it
        found = proof.settle(evidence)
        evidence.note(upstream.journal(last=8000))
    _say(f"\n{_CLIENTS} clients of {users} users for {seconds:.0f} s, and meanwhile:")
    _say(", ".join(f"{what} {count} times" for what, count in sorted(breaker.counted.items())))
    _say(proof.told(evidence))
    return [*found, *proof.faults(evidence)]


async def _load_and_break(
    upstream: UpstreamProcess,
    url: str,
    keys: list[str],
    breaker: Breaker,
    evidence: Evidence,
    seconds: float,
) -> None:
    async def note_for_ever() -> None:
        while True:
            evidence.note(await asyncio.to_thread(upstream.journal, last=4000))
            await asyncio.sleep(_NOTED_EVERY)

    noting = asyncio.create_task(note_for_ever())
    loading = load(url, keys, clients=_CLIENTS, seconds=seconds)
    evidence.calls, _ = await asyncio.gather(loading, breaker.run(seconds - 3))
    noting.cancel()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
