"""Months of old receipts are dropped as a whole; sums stay exact, and nothing else is lost."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from tests.tokens.accounts import account
from tests.tokens.months import id_of, ids_in, month_of
from tokens import ledger
from tokens.ledger import HoldContext, Receipt, items
from tokens.ledger.verify import verify
from tokens.models import (
    Aggregation,
    DailyUsage,
    Entry,
    Reservation,
    SessionSpending,
    UsageRecord,
)
from tokens.usage import aggregates, partitions, retention
from tokens.usage.partitions import Month

pytestmark = pytest.mark.django_db

KEEP = 60
# A month that has ended KEEP days ago, and its days with a request.
OLD = month_of(timezone.now() - timedelta(days=KEEP + 35))
DAYS = [OLD.first + timedelta(days=number) for number in (1, 2, 20)]


@pytest.fixture
def ada() -> User:
    partitions.create(OLD)
    return account(1000)


def spent(
    user: User, charge: int, day: date, monkeypatch: pytest.MonkeyPatch, **context: str | int
) -> UUID:
    """Charge a request, as if it had been on that day; return its id."""
    at = timezone.now().replace(year=day.year, month=day.month, day=day.day)
    monkeypatch.setattr(items, "uuid7", lambda: id_of(at))
    hold = ledger.reserve(user_id=user.pk, amount=50, ttl=60, context=HoldContext(**context))  # type: ignore[arg-type]
    ledger.settle(hold=hold, charge=charge, receipt=Receipt(model="m", provider="p"))
    monkeypatch.undo()
    UsageRecord.objects.filter(pk=hold.id).update(created_at=at)
    with connection.cursor() as cursor:  # the books of that day, which nobody else may change
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE tokens_entry DISABLE TRIGGER entry_append_only")
        Entry.objects.filter(source=str(hold.id)).update(created_at=at)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE tokens_entry ENABLE TRIGGER entry_append_only")
    return hold.id


def summed() -> None:
    """Have the sums made, as if that had been done at all times."""
    for day in DAYS:
        aggregates._replace(day, day)
    Aggregation.objects.create(id=1, open_from=timezone.now().date())
    aggregates.aggregate()
    assert verify() == []


def use(user: User, monkeypatch: pytest.MonkeyPatch, **context: str | int) -> list[UUID]:
    ids = [spent(user, 2, day, monkeypatch, **context) for day in DAYS]
    spent(user, 4, timezone.now().date(), monkeypatch)
    summed()
    assert ids_in(OLD.table) == set(ids)
    return ids


def deletes_receipts(seen: CaptureQueriesContext) -> bool:
    """Return whether receipts were deleted one by one."""
    return any("DELETE FROM tokens_usagerecord u" in query["sql"] for query in seen)


def test_a_month_is_dropped_with_its_reservations(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(ada, monkeypatch)

    with CaptureQueriesContext(connection) as seen:
        assert retention.prune(keep_days=KEEP) == 3

    assert not deletes_receipts(seen)
    assert OLD not in partitions.present()
    assert UsageRecord.objects.get().charged == 4
    assert Reservation.objects.count() == 1
    assert sum(DailyUsage.objects.values_list("charged", flat=True)) == 10
    assert Aggregation.objects.get().pruned_until == DAYS[-1] + timedelta(days=1)
    assert verify() == []


def test_a_month_that_is_old_only_in_part_is_pruned_by_days(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = use(ada, monkeypatch)
    kept = (timezone.now().date() - DAYS[2]).days

    assert retention.prune(keep_days=kept) == 2

    assert ids_in(OLD.table) == {ids[2]}
    assert retention.prune(keep_days=kept) == 0
    assert verify() == []


def test_a_provisional_receipt_is_kept(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = use(ada, monkeypatch)
    UsageRecord.objects.filter(pk=ids[2]).update(final=False)

    assert retention.prune(keep_days=KEEP) == 2

    assert ids_in(OLD.table) == {ids[2]}
    assert Reservation.objects.filter(pk=ids[2]).exists()
    UsageRecord.objects.filter(pk=ids[2]).update(final=True)
    assert retention.prune(keep_days=KEEP) == 1
    assert OLD not in partitions.present()
    assert verify() == []


def test_what_budgets_count_is_deleted_from_their_counters(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(ada, monkeypatch, session="s", session_budget=100)

    with CaptureQueriesContext(connection) as seen:
        assert retention.prune(keep_days=KEEP) == 3

    assert deletes_receipts(seen)
    assert OLD not in partitions.present()  # dropped when it is empty
    assert SessionSpending.objects.get().charged == 0
    assert verify() == []


def test_a_month_with_a_day_that_is_not_exact_stays(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(ada, monkeypatch)
    DailyUsage.objects.filter(day=DAYS[1]).update(charged=3)

    assert retention.prune(keep_days=KEEP) == 0

    assert len(ids_in(OLD.table)) == 3


def test_interrupted_before_the_partition_is_dropped(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(ada, monkeypatch)

    def killed(month: Month, condition: str) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(partitions, "drop", killed)
        with pytest.raises(KeyboardInterrupt):
            retention.prune(keep_days=KEEP)
    assert Reservation.objects.count() == 1
    assert verify() == []

    assert retention.prune(keep_days=KEEP) == 3

    assert OLD not in partitions.present()
    assert verify() == []


def test_a_receipt_that_comes_while_its_month_is_dropped_is_kept(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A charge from the spool of a server that was off for months; its usage is looked up."""
    use(ada, monkeypatch)
    drop = partitions.drop

    def late(month: Month, condition: str) -> bool:
        monkeypatch.undo()
        spent(ada, 1, DAYS[0], monkeypatch)
        UsageRecord.objects.filter(charged=1).update(final=False)
        return drop(month, condition)

    monkeypatch.setattr(partitions, "drop", late)
    retention.prune(keep_days=KEEP)

    assert UsageRecord.objects.filter(charged=1).exists()


def test_months_without_a_partition_are_pruned_as_before(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    partitions.drop(OLD, "SELECT true")
    for day in DAYS:
        spent(ada, 2, day, monkeypatch)
    summed()

    assert retention.prune(keep_days=KEEP) == 3

    assert ids_in("tokens_usagerecord_default") == set()
    assert verify() == []
