"""Celery's sign of life, which readiness asks for, and what its tasks came to."""

from collections.abc import Iterator
from typing import Any

import redis
from celery import shared_task
from celery.signals import task_postrun
from django.core.cache import cache
from django_redis import get_redis_connection  # type: ignore[import-untyped]
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

HEARTBEAT_KEY = "worker:heartbeat"
HEARTBEAT_SECONDS = 60

_QUEUE = "celery"
_OUTCOMES = "tokengate:task-outcomes"


@shared_task
def heartbeat() -> None:
    """Leave a mark that fades: beat sends this, a worker runs it, so both are alive."""
    cache.set(HEARTBEAT_KEY, True, timeout=HEARTBEAT_SECONDS)


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
    yield GaugeMetricFamily(
        "tokengate_tasks_waiting", "Tasks in Celery's queue.", value=connection.llen(_QUEUE)
    )
    alive = int(bool(cache.get(HEARTBEAT_KEY)))
    yield GaugeMetricFamily("tokengate_worker_alive", "1 while worker and beat live.", value=alive)
    ended = CounterMetricFamily(
        "tokengate_tasks", "Tasks by name and state.", labels=["task", "state"]
    )
    for outcome, number in connection.hgetall(_OUTCOMES).items():
        state, _, name = outcome.decode().partition(" ")
        ended.add_metric([name, state.lower()], int(number))
    yield ended
