"""Deleting the details of old usage. Daily sums and ledger entries are kept.

Before the records of a day are deleted, the day is sealed: its sums are final, exact, and never
recomputed. Records older than ``Aggregation.pruned_until`` are then deleted in small batches, and
the next run continues after an interruption. Entries are never deleted; ``verify`` compares those
of sealed days with the daily sums.
"""

import time
from datetime import UTC, date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from tokens.models import Aggregation, UsageRecord
from tokens.periods import midnight
from tokens.usage import aggregates
from tokens.usage.totals import closed_until

log = structlog.get_logger("tokengate.tokens")

BATCH = 2000

_DELETE = """
    WITH old AS (
        SELECT id FROM tokens_usagerecord WHERE created_at < %(before)s AND final
         ORDER BY created_at LIMIT %(batch)s
    ), records AS (
        DELETE FROM tokens_usagerecord u USING old WHERE u.id = old.id RETURNING u.id
    ), holds AS (
        DELETE FROM tokens_reservation r USING old WHERE r.id = old.id AND r.state = 'settled'
    )
    SELECT count(*) FROM records
"""

# Reservations without a charge: their clients released them, or let them expire.
_DELETE_UNSETTLED = """
    WITH old AS (
        SELECT id FROM tokens_reservation r
         WHERE state IN ('released', 'expired') AND closed_at < %(before)s
           AND NOT EXISTS (SELECT FROM tokens_usagerecord u WHERE u.id = r.id)
         ORDER BY closed_at LIMIT %(batch)s
    ), holds AS (
        DELETE FROM tokens_reservation r USING old WHERE r.id = old.id RETURNING r.id
    )
    SELECT count(*) FROM holds
"""


def due(*, keep_days: int) -> int:
    """Return how many records are older than so many days and can be deleted.

    Raises ``ValueError`` for less than USAGE_RETENTION_AT_LEAST.
    """
    return UsageRecord.objects.filter(created_at__lt=midnight(_last_day(keep_days))).count()


def prune(*, keep_days: int, seconds: float = float("inf")) -> int:
    """Delete the records older than so many days, the oldest first; returns how many.

    This stops after about so many ``seconds``, and before a day whose sums are not exact, which is
    logged. Reservations of the same age without a charge are deleted, too. Raises ``ValueError``
    for less than USAGE_RETENTION_AT_LEAST.
    """
    last, deadline, deleted = _last_day(keep_days), time.monotonic() + seconds, 0
    day = _oldest()
    while day and day < last and time.monotonic() < deadline:
        if not _sealed(day):
            log.error("usage_not_pruned", day=str(day), reason="its daily sums are not exact")
            break
        done = _delete(_DELETE, before=midnight(day + timedelta(days=1)), deadline=deadline)
        deleted += done
        day = _oldest() if done else None  # provisional receipts are kept
    _delete(_DELETE_UNSETTLED, before=midnight(last), deadline=deadline)
    return deleted


def _last_day(keep_days: int) -> date:
    """Return the first day that is kept."""
    if keep_days < settings.USAGE_RETENTION_AT_LEAST:
        raise ValueError(f"Usage is kept for {settings.USAGE_RETENTION_AT_LEAST} days or more.")
    kept = timezone.now().astimezone(UTC).date() - timedelta(days=keep_days)
    return min(kept, closed_until())


def _oldest() -> date | None:
    at = UsageRecord.objects.aggregate(at=Min("created_at"))["at"]
    return at.astimezone(UTC).date() if at else None


@transaction.atomic
def _sealed(day: date) -> bool:
    """Seal the day, unless it is sealed. Return whether its records can be deleted."""
    aggregates.take_turns()
    state = Aggregation.objects.get()
    if state.pruned_until and day < state.pruned_until:
        return True
    if aggregates.differing(day):
        return False
    state.pruned_until = day + timedelta(days=1)
    state.save(update_fields=["pruned_until"])
    return True


def _delete(statement: str, *, before: datetime, deadline: float) -> int:
    total = 0
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"before": before, "batch": BATCH})
            done = int(cursor.fetchone()[0])
        total += done
        if done < BATCH:
            break
    return total
