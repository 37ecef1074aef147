"""What is broken, one thing after the other, while the clients ask."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import redis
from django.conf import settings

from devserver.embedded.places import places
from devserver.embedded.postgres import Postgres
from devserver.embedded.processes import wait_until
from devserver.embedded.valkey import Valkey
from tests.load.processes import Server, children


class Breaker:
    """Breaks at random, each kind as often as the others; ``counted`` tells how often."""

    def __init__(self, server: Server, *, seed: int | None) -> None:
        self.counted: Counter[str] = Counter()
        self._server = server
        self._random = random.Random(seed)
        self._postgres = Postgres(places())
        self._valkey = Valkey(places())
        self._redis = redis.Redis.from_url(settings.REDIS_URL)
        self._ways: dict[str, Callable[[], None]] = {
            "a worker killed": self._kill_a_worker,
            "every worker killed": self._kill_every_worker,
            "PostgreSQL restarted": self._restart_postgres,
            "PostgreSQL crashed": self._crash_postgres,
            "a worker killed while PostgreSQL is away": self._kill_a_worker_in_an_outage,
            "Redis emptied": self._empty_redis,
            "Redis killed": self._kill_redis,
        }

    async def run(self, seconds: float) -> None:
        """Break something every few seconds; all is up again when it returns."""
        until = time.monotonic() + seconds
        waiting: list[str] = []
        while time.monotonic() < until:
            await asyncio.sleep(self._random.uniform(1.0, 4.0))
            waiting = waiting or self._random.sample(list(self._ways), len(self._ways))
            way = waiting.pop()
            await asyncio.to_thread(self._ways[way])
            self.counted[way] += 1

    def _kill_a_worker(self) -> None:
        if pids := children(self._server.pid):
            _kill(self._random.choice(pids))

    def _kill_every_worker(self) -> None:
        for pid in children(self._server.pid):
            _kill(pid)

    def _restart_postgres(self) -> None:
        self._postgres.stop()
        self._postgres.start()

    def _crash_postgres(self) -> None:
        """Have it drop everything at once: the next start recovers from its log."""
        if pid := self._postgres.pid():
            os.kill(pid, signal.SIGQUIT)
        wait_until(self._postgres.gone, seconds=30)
        self._postgres.start()

    def _kill_a_worker_in_an_outage(self) -> None:
        self._postgres.stop()
        time.sleep(self._random.uniform(0.5, 3.0))
        self._kill_a_worker()
        time.sleep(self._random.uniform(0.0, 1.0))
        self._postgres.start()

    def _empty_redis(self) -> None:
        self._redis.flushall()

    def _kill_redis(self) -> None:
        if pid := self._valkey.pid():
            _kill(pid)
        wait_until(self._valkey.gone, seconds=30)
        time.sleep(self._random.uniform(0.0, 1.0))
        self._valkey.start()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):  # It was killed just before, and is not replaced yet.
        os.kill(pid, signal.SIGKILL)
