"""The soak: clients that ask for everything, leave when they please, and an upstream that breaks.

Afterwards memory must be flat, no connection, file, thread or hold be left, the books be right, and
each charge that the upstream reported be what its own journal says, to the token.
"""

import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
from django.db.models import QuerySet
from django.utils import timezone

from tests.fakes.upstream_process import UpstreamProcess
from tests.load import proxy, stage
from tests.load.processes import Server, family, open_files, threads
from tests.ports import free_port
from tokens.ledger.verify import verify
from tokens.models import Reservation, UsageRecord

MODEL = "openai/gpt-5-mini"
_AT_ONCE = 32
_TICK_SECONDS = 5.0
_SETTLE_SECONDS = 30.0
_MORE_MB = 15.0
_LEAVING = 0.08
_BUSY = ("status 429", "status 503")
_BACK_OFF = 1.0
_KEPT = 48  # Idle connections to the upstream and to the database, which are kept on purpose.

# In the demo upstream's words; what is whole comes more often than what breaks.
_WHOLE = ["[[n=20,d=5]]", "[[n=60,d=2]]", "[[n=5]]", "[[n=200]]", "[[n=10,first=100]]"]
_ODD = ("usage_empty_choices", "usage_twice", "split", "gzip", "crlf", "comments", "big_chunk")
_BROKEN = (
    "cut",
    "cut_tcp",
    "reset_mid_chunk",
    "error_chunk",
    "no_usage",
    "garbage",
    "error_in_200",
)
_STATUSES = (400, 429, 500, 503)  # After a 401 nobody would ask this upstream for a minute.
_PROMPTS = [
    *_WHOLE * 20,
    *(f"[[n=10,fault={fault}]]" for fault in (*_ODD, *_BROKEN)),
    *(f"[[status={status}]]" for status in _STATUSES),
]


@dataclass
class Seen:
    """What clients got, how much memory the server had at each tick, and the upstream's journal."""

    outcomes: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    journal: dict[str, dict[str, Any]] = field(default_factory=dict)


def run(*, seconds: float) -> int:
    """Load, prove and tell; returns the exit status."""
    proxy.prepare()
    proxy.serve(MODEL)
    people = proxy.developers(8)
    core, _ = stage.cores()
    port = free_port()
    log = stage.folder() / "soak.log"
    with UpstreamProcess() as upstream:
        env = {**proxy.environment(upstream.url), "PORT": str(port), "LOG_LEVEL": "WARNING"}
        with Server(proxy.gunicorn(), port=port, log=log, core=core, env=env) as server:
            soak = _Soak(server, upstream, f"http://127.0.0.1:{port}", [one.key for one in people])
            faults = soak.run(seconds)
    sys.stdout.write("\n".join(faults or ["everything holds"]) + "\n")
    return 1 if faults else 0


class _Soak:
    """One run against one server."""

    def __init__(
        self, server: Server, upstream: UpstreamProcess, url: str, keys: list[str]
    ) -> None:
        self._server = server
        self._upstream = upstream
        self._url = url + "/api/llm/chat/completions"
        self._keys = keys
        self._seen = Seen()
        self._began = timezone.now()

    def run(self, seconds: float) -> list[str]:
        """Load the server; returns what does not hold afterwards."""
        asyncio.run(self._load(until=time.monotonic() + 10))
        self._settle()
        before = self._open()
        asyncio.run(self._load(until=time.monotonic() + seconds))
        self._settle()
        self._note_journal()
        self._tell(before)
        return [*self._leaks(before), *self._errors_of_charging(), *map(str, verify())]

    async def _load(self, until: float) -> None:
        self._seen.memory.clear()
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
            clients = [self._client(http, until) for _ in range(_AT_ONCE)]
            await asyncio.gather(self._watch(until), *clients)

    async def _watch(self, until: float) -> None:
        while time.monotonic() < until:
            self._seen.memory.append(self._server.memory())
            await asyncio.to_thread(self._note_journal)
            await asyncio.sleep(_TICK_SECONDS)

    async def _client(self, http: httpx.AsyncClient, until: float) -> None:
        while time.monotonic() < until:
            try:
                outcome = await self._ask(http)
            except httpx.HTTPError as error:
                outcome = type(error).__name__
            self._seen.outcomes[outcome] += 1
            if outcome in _BUSY:
                await asyncio.sleep(_BACK_OFF)

    async def _ask(self, http: httpx.AsyncClient) -> str:
        """Send one request, and perhaps leave before its answer ends."""
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": random.choice(_PROMPTS)}],
            "stream": random.random() < 0.7,
        }
        headers = {"Authorization": f"Bearer {random.choice(self._keys)}"}
        leaves = random.random() < _LEAVING
        async with http.stream("POST", self._url, json=body, headers=headers) as answer:
            async for _ in answer.aiter_raw():
                if leaves:
                    return "left"
            return f"status {answer.status_code}"

    def _settle(self) -> None:
        """Wait until nothing is held: what was cancelled settles by itself."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while self._held().exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(2)  # Connections that clients left are closed by then.

    def _held(self) -> QuerySet[Reservation]:
        return Reservation.objects.filter(state="held", created_at__gte=self._began)

    def _note_journal(self) -> None:
        """Read the upstream's newest requests: it remembers only so many."""
        for one in self._upstream.journal(last=4000):
            self._seen.journal[one["request_id"]] = self._seen.journal[one["id"]] = one

    def _open(self) -> tuple[int, int]:
        """Return how many files and threads the server has."""
        pids = family(self._server.pid)
        return sum(map(open_files, pids)), sum(map(threads, pids))

    def _leaks(self, before: tuple[int, int]) -> list[str]:
        found = []
        for what, then, now in zip(("files", "threads"), before, self._open(), strict=True):
            if now > then + _KEPT:
                found.append(f"{what} leak: {then} before, {now} after")
        if held := self._held().count():
            found.append(f"{held} holds are left")
        memory = self._seen.memory
        early, late = (
            statistics.median(part) for part in (_quarter(memory, 1), _quarter(memory, 3))
        )
        if late > early + _MORE_MB:
            found.append(f"memory grows: {early:.0f} MB early, {late:.0f} MB late")
        return found

    def _errors_of_charging(self) -> list[str]:
        found = []
        records = UsageRecord.objects.filter(created_at__gte=self._began, source="reported")
        for record in records.exclude(upstream_id=""):
            said = self._seen.journal.get(record.upstream_id)
            told = sum(said["reported"].values()) if said and said["reported"] else None
            if told != record.charged:
                found.append(f"{record.upstream_id}: charged {record.charged}, reported {told}")
        return found[:20]

    def _tell(self, before: tuple[int, int]) -> None:
        records = UsageRecord.objects.filter(created_at__gte=self._began)
        sources = Counter(records.values_list("source", flat=True))
        charged = sum(records.values_list("charged", flat=True))
        sys.stdout.write(
            f"clients saw {dict(self._seen.outcomes.most_common())}\n"
            f"{records.count()} receipts {dict(sources)}, {charged} tokens charged\n"
            f"files and threads: {before} before, {self._open()} after\n"
            f"memory in MB: {', '.join(f'{one:.0f}' for one in self._seen.memory)}\n"
        )


def _quarter(values: list[float], number: int) -> list[float]:
    size = max(len(values) // 4, 1)
    return values[number * size : (number + 1) * size] or values[-1:]
