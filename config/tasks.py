"""Celery's sign of life, which readiness asks for."""

from celery import shared_task
from django.core.cache import cache

HEARTBEAT_KEY = "worker:heartbeat"
HEARTBEAT_SECONDS = 60


@shared_task
def heartbeat() -> None:
    """Leave a mark that fades: beat sends this, a worker runs it, so both are alive."""
    cache.set(HEARTBEAT_KEY, True, timeout=HEARTBEAT_SECONDS)
