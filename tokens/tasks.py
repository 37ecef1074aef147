"""What Celery does for tokens."""

from celery import shared_task

from tokens import ledger

_BATCH = 1000


@shared_task
def expire_reservations() -> int:
    """Free every hold whose deadline has passed; returns how many."""
    total = freed = ledger.expire(at_most=_BATCH)
    while freed == _BATCH:
        freed = ledger.expire(at_most=_BATCH)
        total += freed
    return total
