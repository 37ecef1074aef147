"""Celery tasks of tokens."""

from collections.abc import Callable
from datetime import UTC, timedelta

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from tokens import idempotency, ledger, notices, runaway
from tokens.analytics import comparison, feed, warehouse
from tokens.ledger import allowances, free_allowance, spool
from tokens.usage import aggregates, partitions, refusals, retention

log = structlog.get_logger("tokengate.tokens")

_BATCH = 1000
_FEED_SECONDS = 20.0  # of the 30 between two runs, so that other tasks have their turn
_VERIFIED = timedelta(days=7)
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


@shared_task
def feed_analytics() -> int:
    """Bring the copy in ClickHouse up to date, if CLICKHOUSE_URL is set; returns how many rows.

    What does not fit into the task's time, or fails, is left for the next run.
    """
    if not settings.CLICKHOUSE_URL:
        return 0
    try:
        return feed.feed(seconds=_FEED_SECONDS)
    except (warehouse.Unavailable, feed.NotFed, partitions.InUse) as error:
        log.warning("analytics_not_fed", error=str(error))
        return 0


@shared_task
def verify_analytics() -> int:
    """Compare the last days of ClickHouse with PostgreSQL; returns how many sums differ."""
    if not settings.CLICKHOUSE_URL:
        return 0
    since = timezone.now().astimezone(UTC).date() - _VERIFIED
    try:
        comparison.prove(since=since)
    except comparison.Differs as found:
        log.error("analytics_differ", differences=len(found.differences))  # noqa: TRY400 - expected
        return len(found.differences)
    except (warehouse.Unavailable, feed.NotFed, comparison.Busy) as error:
        log.warning("analytics_not_verified", error=str(error) or type(error).__name__)
    return 0
