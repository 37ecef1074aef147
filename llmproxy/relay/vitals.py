"""Figures of a web worker for Prometheus, which are updated every second, beside the requests."""

import asyncio
import time
from uuid import UUID

import structlog

from core.database import PoolFigures, pool_figures
from llmproxy import metrics
from tokens.ledger import running

log = structlog.get_logger("tokengate.proxy")

_EVERY = 1.0


class Vitals:
    """What is remembered of the last look: of it, counters show the difference."""

    def __init__(self) -> None:
        self._pool = pool_figures()
        self._settling_since: dict[UUID, float] = {}

    def look(self, *, late: float, now: float) -> None:
        """Update the figures. ``late``: so many seconds after its time this is called."""
        metrics.LOOP_LAG.set(max(late, 0.0))
        self._look_at_requests(now)
        self._look_at_pool(pool_figures())

    def _look_at_requests(self, now: float) -> None:
        requests = running.requests()
        settling = [request.hold.id for request in requests if request.is_settling]
        self._settling_since = {each: self._settling_since.get(each, now) for each in settling}
        metrics.RUNNING.set(len(requests))
        metrics.SETTLING.set(len(settling))
        metrics.SETTLEMENT_LAG.set(now - min(self._settling_since.values(), default=now))

    def _look_at_pool(self, pool: PoolFigures) -> None:
        last, self._pool = self._pool, pool
        metrics.POOL.labels("busy").set(pool["busy"])
        metrics.POOL.labels("idle").set(pool["idle"])
        metrics.POOL.labels("waiting").set(pool["waiting"])
        metrics.POOL_WAITS.inc(max(pool["waits"] - last["waits"], 0))
        metrics.POOL_WAIT_SECONDS.inc(max(pool["wait_seconds"] - last["wait_seconds"], 0))
        metrics.POOL_TIMEOUTS.inc(max(pool["timeouts"] - last["timeouts"], 0))


async def watch_for_ever() -> None:
    """Update the figures every second."""
    vitals, loop = Vitals(), asyncio.get_running_loop()
    while True:
        due = loop.time() + _EVERY
        await asyncio.sleep(_EVERY)
        try:
            vitals.look(late=loop.time() - due, now=time.monotonic())
        except Exception:  # Figures are worth no failure: the next turn tries again.
            log.exception("vitals_not_read")
