"""Enqueuing Celery tasks where a failure must not fail the caller."""

from typing import Any

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

from core.database import give_back

log = structlog.get_logger("tokengate.queue")


def enqueue(task: str, *args: Any) -> bool:
    """Enqueue a task. If the broker is unavailable, log it and return False.

    A periodic task must repeat everything that is enqueued like this.
    """
    give_back()
    try:
        current_app.signature(task, args=args).apply_async(retry=False)
    except (OperationalError, OSError) as failed:
        log.error("task_not_queued", task=task, error=type(failed).__name__)  # noqa: TRY400
        return False
    return True
