"""Celery tasks of tokens."""

from collections.abc import Callable

import structlog
from celery import shared_task
from django.conf import settings

from tokens import idempotency, ledger, notices, runaway
from tokens.ledger import allowances, free_allowance, spool
from tokens.usage import aggregates, partitions, refusals, retention

log = structlog.get_logger("tokengate.tokens")

_BATCH = 1000
_PRUNE_SECONDS = 240.0  # of the 300 that CELERY_TASK_TIME_LIMIT allows


@shared_task
def expire_reservations() -> int:
    """Expire every reservation whose deadline has passed; returns how many.

    Before that, the charges in the spool of dead workers of this machine are settled.
    """
    try:
        spool.replay_here()
    except OSError:
        log.exception("spool_unusable", folder=str(settings.SETTLEMENT_SPOOL))
    return _all(ledger.expire)


@shared_task
def reset_allowances() -> int:
    """Renew allowances and expire bonuses that are due; returns how many balances."""
    return _all(allowances.roll_due)


@shared_task
def notify_low_balances() -> int:
    """Email users who have used most or all of their allowance; returns how many."""
    return notices.send_due()


@shared_task
def notify_runaway_usage() -> int:
    """Email users whose hour costs far more than usual; returns how many."""
    return runaway.send_due()


def _all(some: Callable[..., int]) -> int:
    total = done = some(at_most=_BATCH)
    while done == _BATCH:
        done = some(at_most=_BATCH)
        total += done
    return total


@shared_task
def forget_idempotency_keys() -> int:
    """Delete the stored responses of idempotency keys after a day."""
    return idempotency.forget_old()


@shared_task
def keep_free_allowances() -> int:
    """Record mailboxes that an earlier version did not, and delete records of ended periods.

    Returns how many mailboxes were recorded.
    """
    noted = free_allowance.note_missing()
    free_allowance.forget_ended()
    return noted


@shared_task
def create_partitions() -> int:
    """Create the missing partitions of the receipts, three months ahead; returns how many."""
    return len(partitions.create_missing())


@shared_task
def prune_usage() -> int:
    """Delete usage older than USAGE_RETENTION_DAYS, if that is set; returns how many records.

    Records that do not fit into the task's time are left for the next night.
    """
    if not settings.USAGE_RETENTION_DAYS:
        return 0
    return retention.prune(keep_days=settings.USAGE_RETENTION_DAYS, seconds=_PRUNE_SECONDS)


@shared_task
def forget_refusals() -> int:
    """Delete the counts of refused requests after 400 days; returns how many rows."""
    return refusals.forget_old()


@shared_task
def aggregate_usage() -> int:
    """Update the daily sums; returns how many days were recomputed."""
    return aggregates.aggregate()
