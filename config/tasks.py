"""Celery heartbeats for readiness checks, and metrics of tasks.

Beat sets a mark when it sends a heartbeat, and a worker when it has run one. Without beat no worker
runs any, so each worker also sets a mark of its own, which shows whether a worker is missing as
well.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache as cache_result
from typing import Any

import redis
from celery import shared_task
from celery.signals import before_task_publish, heartbeat_sent, task_postrun
from django.conf import settings
from django.core.cache import cache
from django_redis import get_redis_connection  # type: ignore[import-untyped]
from django_redis.exceptions import ConnectionInterrupted  # type: ignore[import-untyped]
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from adminpanel.reports import hour
from config import probe
from core import redis_servers

HEARTBEAT_KEY = "worker:heartbeat"
PULSE_KEY = "worker:pulse"
BEAT_KEY = "beat:heartbeat"
HEARTBEAT_SECONDS = 60
_PULSE_EVERY = 10.0

_pulse = {"at": float("-inf")}

_HOUR_KEY = "metrics:hour"
_HOUR_SECONDS = 600

_QUEUE = "celery"
_OUTCOMES = "tokengate:task-outcomes"
_QUEUED_AT = "queued_at"


@shared_task
def heartbeat() -> None:
    """Set a mark that expires: a worker runs tasks."""
    cache.set(HEARTBEAT_KEY, True, timeout=HEARTBEAT_SECONDS)


@shared_task
def run_probe() -> None:
    """Probe the site, if PROBE_API_KEY is set."""
    if settings.PROBE_API_KEY:
        probe.run()


@shared_task
def measure_hour() -> None:
    """Compute the cost and the revenue of the last hour, for Prometheus."""
    cache.set(_HOUR_KEY, hour.measure(), timeout=_HOUR_SECONDS)


@before_task_publish.connect
def _beat_lives(*, sender: str | None = None, **_: Any) -> None:
    if sender == heartbeat.name:
        _leave(BEAT_KEY)


@before_task_publish.connect
def _stamp(*, headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Have a task say when it was queued."""
    if headers is not None:
        headers[_QUEUED_AT] = time.time()


@heartbeat_sent.connect
def _worker_lives(**_: Any) -> None:
    now = time.monotonic()
    if now - _pulse["at"] >= _PULSE_EVERY:
        _pulse["at"] = now
        _leave(PULSE_KEY)


def _leave(key: str) -> None:
    with suppress(redis.RedisError, ConnectionInterrupted):  # Health says so already.
        cache.set(key, True, timeout=HEARTBEAT_SECONDS)


def beat_is_alive() -> bool:
    """Tell whether beat has sent a heartbeat within the last minute."""
    return bool(cache.get(BEAT_KEY))


def worker_is_alive() -> bool:
    """Tell whether a worker runs what beat sends; without beat, whether one is there."""
    return bool(cache.get(HEARTBEAT_KEY)) or (not beat_is_alive() and bool(cache.get(PULSE_KEY)))


@cache_result
def _broker(url: str) -> Any:
    return redis_servers.client(url, timeout=2, connect_timeout=1)


@task_postrun.connect
def count(*, task: Any, state: str, **_: Any) -> None:
    """Count how a task ended, where the web servers can read it."""
    try:
        get_redis_connection().hincrby(_OUTCOMES, f"{state} {task.name}", 1)
    except redis.RedisError:
        return  # Figures are worth no failure.


def stored() -> Iterator[Metric]:
    """Tell how many tasks wait, how those that ran have ended, and whether anybody runs them."""
    connection = get_redis_connection()
    broker = _broker(settings.QUEUE_REDIS_URL)
    waiting = broker.llen(_QUEUE)
    yield GaugeMetricFamily("tokengate_tasks_waiting", "Tasks in Celery's queue.", value=waiting)
    yield GaugeMetricFamily(
        "tokengate_queue_age_seconds",
        "For how long the oldest task in the queue has been waiting.",
        value=_age(broker.lindex(_QUEUE, -1)),
    )
    for name, text, alive in (
        ("worker", "1 while a worker runs tasks.", worker_is_alive()),
        ("beat", "1 while beat sends tasks.", beat_is_alive()),
    ):
        yield GaugeMetricFamily(f"tokengate_{name}_alive", text, value=int(alive))
    ended = CounterMetricFamily(
        "tokengate_tasks", "Tasks by name and state.", labels=["task", "state"]
    )
    for outcome, number in connection.hgetall(_OUTCOMES).items():
        state, _, name = outcome.decode().partition(" ")
        ended.add_metric([name, state.lower()], int(number))
    yield ended


def money() -> Iterator[Metric]:
    """Tell what the last hour cost and earned, if a worker has computed it."""
    measured = cache.get(_HOUR_KEY)
    cost = GaugeMetricFamily(
        "tokengate_cost_usd_last_hour", "Cost of the providers in the last hour, in USD."
    )
    revenue = GaugeMetricFamily(
        "tokengate_revenue_last_hour",
        "Share of the recurring revenue of an hour, and packs sold in the last one.",
        labels=["currency"],
    )
    if measured:
        cost.add_metric([], measured["cost_usd"])
        for currency, amount in measured["revenue"].items():
            revenue.add_metric([currency], amount)
    yield from (cost, revenue)


def _age(message: bytes | None) -> float:
    """Return for how many seconds a task has been waiting; 0 if it does not say since when."""
    if message is None:
        return 0.0
    queued_at = json.loads(message)["headers"].get(_QUEUED_AT)
    return max(time.time() - queued_at, 0.0) if queued_at else 0.0
