"""What Celery does for tokens."""

from collections.abc import Callable

from celery import shared_task

from tokens import aggregates, allowances, idempotency, ledger, notices

_BATCH = 1000


@shared_task
def expire_reservations() -> int:
    """Free every hold whose deadline has passed; returns how many."""
    return _all(ledger.expire)


@shared_task
def reset_allowances() -> int:
    """Renew every allowance and end every bonus whose time has come; returns how many balances."""
    return _all(allowances.roll_due)


@shared_task
def notify_low_balances() -> int:
    """Tell users who have used most or all of their allowance; returns how many."""
    return notices.send_due()


def _all(some: Callable[..., int]) -> int:
    total = done = some(at_most=_BATCH)
    while done == _BATCH:
        done = some(at_most=_BATCH)
        total += done
    return total


@shared_task
def forget_idempotency_keys() -> int:
    """Delete the answers that are kept for repetitions, a day after they were given."""
    return idempotency.forget_old()


@shared_task
def aggregate_usage() -> int:
    """Bring the daily sums up to date; returns how many days were made anew."""
    return aggregates.aggregate()
