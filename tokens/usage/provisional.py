"""Receipts that await the provider's later word: who is to be asked now, and about what."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from tokens.models import Reservation, UsageRecord

# After so long nobody is asked any more: a receipt becomes final as it is.
GIVE_UP = timedelta(hours=24)


@dataclass(frozen=True)
class Due:
    """One provisional receipt. `provider` and `upstream_id` are empty where nobody noted them."""

    record: UsageRecord
    provider: str
    upstream_id: str

    @property
    def is_hopeless(self) -> bool:
        """Tell whether the provider has been asked for long enough."""
        return timezone.now() - self.record.created_at > GIVE_UP


def claim(*, at_most: int) -> list[Due]:
    """Return receipts whose time has come, oldest first; each is claimed by one caller at a time.

    They come again later, after longer and longer pauses, until they are final.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT tokens_claim_provisional(%s)", [at_most])
        ids = [row[0] for row in cursor.fetchall()]
    holds = Reservation.objects.in_bulk(ids)
    records = UsageRecord.objects.filter(pk__in=ids).order_by("created_at")
    return [_due(record, holds.get(record.pk)) for record in records]


def _due(record: UsageRecord, hold: Reservation | None) -> Due:
    """Complete a receipt by what its hold says, if that is of the same provider."""
    if record.upstream_id or hold is None or record.provider not in ("", hold.provider):
        return Due(record, record.provider, record.upstream_id)
    return Due(record, hold.provider, hold.upstream_id)
