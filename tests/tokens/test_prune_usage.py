"""Old receipts go; sums, statistics and the books stay exact."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from adminpanel.reports import usage as statistics
from adminpanel.reports.source import open_source
from apikeys import keys
from tests.tokens.accounts import account
from tokens import ledger
from tokens.ledger import HoldContext, Receipt
from tokens.ledger.verify import verify
from tokens.models import Aggregation, DailyUsage, Entry, Reservation, UsageRecord
from tokens.tasks import prune_usage
from tokens.usage import aggregates, queries, retention

pytestmark = pytest.mark.django_db

RECEIPT = Receipt(model="m", provider="p", prompt_tokens=10, completion_tokens=20)


def spent(user: User, charge: int, *, days_ago: int, **context: Any) -> str:
    """Charge a request, as if it had been so long ago; return its id."""
    hold = ledger.reserve(user_id=user.pk, amount=50, ttl=60, context=HoldContext(**context))
    ledger.settle(hold=hold, charge=charge, receipt=RECEIPT)
    at = timezone.now() - timedelta(days=days_ago)
    UsageRecord.objects.filter(pk=hold.id).update(created_at=at)
    with connection.cursor() as cursor:  # the books of that day, which nobody else may change
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE tokens_entry DISABLE TRIGGER entry_append_only")
        Entry.objects.filter(source=str(hold.id)).update(created_at=at)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE tokens_entry ENABLE TRIGGER entry_append_only")
    return str(hold.id)


@pytest.fixture
def ada() -> User:
    user = account(1000)
    for charge, days_ago in ((1, 100), (2, 100), (4, 50), (8, 10), (16, 0)):
        spent(user, charge, days_ago=days_ago)
    today = timezone.now().astimezone(UTC).date()
    for days_ago in (100, 50, 10):  # as if it had run at all times: there is nothing between them
        day = today - timedelta(days=days_ago)
        aggregates._replace(day, day)
    Aggregation.objects.create(id=1, open_from=today)
    aggregates.aggregate()
    assert verify() == []
    return user


def told(user: User) -> Any:
    """Return all that is told of whole days."""
    first, last = date(2000, 1, 1), date(3000, 1, 1)
    return (
        queries.sums(user.pk, queries.Filter(), "day"),
        queries.sums(user.pk, queries.Filter(), "model"),
        statistics.usage(open_source(), since=first, until=last, group="day"),
        statistics.total(open_source(), since=first, until=last),
    )


def left() -> list[int]:
    return sorted(UsageRecord.objects.values_list("charged", flat=True))


def test_pruning_deletes_old_receipts_and_keeps_the_sums(ada: User) -> None:
    before = told(ada)

    assert retention.prune(keep_days=60) == 2

    assert left() == [4, 8, 16]
    assert Reservation.objects.filter(state="settled").count() == 3
    assert Entry.objects.filter(kind="usage").count() == 5
    assert told(ada) == before
    assert verify() == []


def test_reservations_of_which_nothing_came(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)
    holds = [ledger.reserve(user_id=ada.pk, amount=1, ttl=60) for _ in range(6)]
    for hold in holds[:3]:
        ledger.release(hold=hold)
    unsettled = Reservation.objects.filter(state="released")
    old = holds[0].id, holds[1].id
    unsettled.filter(pk__in=old).update(closed_at=timezone.now() - timedelta(days=70))

    retention.prune(keep_days=60)

    assert [one.pk for one in unsettled] == [holds[2].id]
    assert Reservation.objects.filter(state="held").count() == 3
    assert verify() == []


def test_a_reservation_that_still_awaits_a_word_stays(ada: User) -> None:
    abandoned = spent(ada, 5, days_ago=70)
    UsageRecord.objects.filter(pk=abandoned).update(final=False)
    at = timezone.now() - timedelta(days=70)
    Reservation.objects.filter(pk=abandoned).update(state="expired", closed_at=at)

    retention.prune(keep_days=60)

    assert Reservation.objects.filter(pk=abandoned).exists()


def test_again_and_further(ada: User) -> None:
    before = told(ada)

    assert [retention.prune(keep_days=days) for days in (60, 60, 40)] == [2, 0, 1]

    assert told(ada) == before
    assert verify() == []


def test_receipts_are_pruned_in_batches(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 1)

    assert retention.prune(keep_days=40) == 3
    assert left() == [8, 16]


def test_a_run_that_died_is_finished(ada: User) -> None:
    before = told(ada)
    Aggregation.objects.update(
        pruned_until=(timezone.now() - timedelta(days=99)).astimezone(UTC).date()
    )
    died = UsageRecord.objects.get(charged=1)
    Reservation.objects.filter(pk=died.pk).delete()
    died.delete()
    assert verify() == []

    assert retention.prune(keep_days=60) == 1
    assert told(ada) == before
    assert verify() == []


def test_sealed_days_are_never_made_anew(ada: User) -> None:
    before = told(ada)
    retention.prune(keep_days=60)

    aggregates.aggregate(since=(timezone.now() - timedelta(days=200)).date())

    assert told(ada) == before


def test_a_day_that_is_not_exact_stays(ada: User) -> None:
    DailyUsage.objects.filter(charged=3).update(charged=4)

    assert retention.prune(keep_days=40) == 0
    assert len(left()) == 5


def test_a_day_that_is_not_final_stays(ada: User) -> None:
    spent(ada, 5, days_ago=120)
    UsageRecord.objects.filter(charged=5).update(final=False)
    aggregates.aggregate(since=(timezone.now() - timedelta(days=130)).date())

    assert retention.prune(keep_days=40) == 0


def test_wrong_sums_of_sealed_days_are_found_by_the_proof(ada: User) -> None:
    retention.prune(keep_days=60)

    DailyUsage.objects.filter(charged=3).update(charged=4)

    (found,) = verify()
    assert (found.user_id, found.stored, found.counted) == (ada.pk, 31, 32)


def test_this_months_budget_of_a_key_is_not_touched(ada: User) -> None:
    key, _ = keys.create(user=ada, name="key")
    spent(ada, 7, days_ago=0, api_key=key.pk)
    aggregates.aggregate()

    retention.prune(keep_days=35)

    assert keys.usage_this_month(ada)[str(key.pk)].charged == 7
    assert verify() == []


def test_the_command_says_what_it_deleted(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prune_usage", "--days", "60", "--dry-run")
    assert (capsys.readouterr().out, len(left())) == ("2 records would be deleted\n", 5)
    call_command("prune_usage", "--days", "60")
    assert (capsys.readouterr().out, len(left())) == ("2 records deleted\n", 3)
    call_command("prune_usage")
    assert "All usage is kept" in capsys.readouterr().out
    with pytest.raises(CommandError, match="35 days or more"):
        call_command("prune_usage", "--days", "34")


def test_the_nightly_task_prunes_by_the_setting(ada: User, settings: Settings) -> None:
    assert prune_usage() == 0
    settings.USAGE_RETENTION_DAYS = 40
    assert prune_usage() == 3


def test_before_the_first_sums_nothing_goes() -> None:
    user = account(100)
    spent(user, 1, days_ago=100)

    assert retention.prune(keep_days=40) == 0
    assert datetime.now(UTC) > UsageRecord.objects.get().created_at
