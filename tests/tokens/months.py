"""Months of receipts for tests of their partitions."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.utils import timezone
from uuid_utils.compat import uuid7

from tokens.models import Entry, UsageRecord
from tokens.usage import partitions
from tokens.usage.partitions import Month


def current() -> Month:
    return month_of(timezone.now())


def month_of(moment: datetime) -> Month:
    return Month(moment.astimezone(UTC).date().replace(day=1))


def id_of(moment: datetime) -> UUID:
    """Return a new UUID of version 7, as if it had been made at that time."""
    return UUID(int=partitions.first_id(moment).int | uuid7().int % 2**62)


def ids_in(table: str) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {table}")
        return {found for (found,) in cursor.fetchall()}


def without(month: Month) -> None:
    """Drop a month's partition, and leave its receipts in the default one."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE tokens_usagerecord DETACH PARTITION {month.table}")
        cursor.execute(f"INSERT INTO tokens_usagerecord_default SELECT * FROM {month.table}")
        cursor.execute(f"DROP TABLE {month.table}")


def backdate(receipt: UUID, *, to: datetime) -> None:
    """Have a request's receipt and entries be of another time; its id stays."""
    UsageRecord.objects.filter(pk=receipt).update(created_at=to)
    with connection.cursor() as cursor:  # nobody else may change entries
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE tokens_entry DISABLE TRIGGER entry_append_only")
        Entry.objects.filter(source=str(receipt)).update(created_at=to)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE tokens_entry ENABLE TRIGGER entry_append_only")


def days_ago(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)
