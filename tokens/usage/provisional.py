"""Provisional receipts: those for which a usage lookup is due."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from tokens.models import Reservation, UsageRecord

# After so long there are no more lookups, and the receipt becomes final unchanged.
GIVE_UP = timedelta(hours=24)


@dataclass(frozen=True)
class Due:
    """One provisional receipt. `provider` and `upstream_id` are empty if they were not recorded."""

    record: UsageRecord
    provider: str
    upstream_id: str

    @property
    def is_hopeless(self) -> bool:
        """Return whether the time for lookups is over."""
        return timezone.now() - self.record.created_at > GIVE_UP


def claim(*, at_most: int) -> list[Due]:
    """Return the due receipts, oldest first. Each is returned to one caller at a time.

    They become due again after increasing pauses, until they are final.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT tokens_claim_provisional(%s)", [at_most])
        ids = [row[0] for row in cursor.fetchall()]
    holds = Reservation.objects.in_bulk(ids)
    records = UsageRecord.objects.filter(pk__in=ids).order_by("created_at")
    return [_due(record, holds.get(record.pk)) for record in records]


def _due(record: UsageRecord, hold: Reservation | None) -> Due:
    """Complete a receipt from its reservation, if it has the same provider."""
    if record.upstream_id or hold is None or record.provider not in ("", hold.provider):
        return Due(record, record.provider, record.upstream_id)
    return Due(record, hold.provider, hold.upstream_id)
