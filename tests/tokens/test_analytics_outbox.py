"""What is noted for ClickHouse, and what happens while ClickHouse is away.

`make test-analytics` compares with ClickHouse itself.
"""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from config.checks import production_is_safe
from tests.adminpanel.site import signed_in
from tests.ports import free_port
from tests.tokens.accounts import account
from tests.tokens.usage import used
from tokens import ledger
from tokens.analytics import copied, feed, figures, outbox
from tokens.ledger import Correction, HoldContext, Receipt, allowances
from tokens.models import AnalyticsFeed, ReceiptChange, Tier, UsageRecord
from tokens.tasks import feed_analytics, verify_analytics
from tokens.usage import retention

pytestmark = pytest.mark.django_db(transaction=True)

A_REQUEST = HoldContext(endpoint="chat/completions", model="m")


@pytest.fixture
def noted() -> Iterator[None]:
    """Note changes while the test runs."""
    outbox.start()
    yield
    outbox.stop()


def waiting() -> list[UUID | None]:
    return [*ReceiptChange.objects.order_by("id").values_list("receipt", flat=True)]


def settled(user: User, *, final: bool = True, ttl: int = 60) -> UUID:
    hold = ledger.reserve(user_id=user.pk, amount=50, ttl=ttl, context=A_REQUEST)
    ledger.settle(hold=hold, charge=20, receipt=Receipt(model="m", final=final))
    return hold.id


def test_nothing_is_noted_without_a_feed() -> None:
    settled(account(100))
    used(account(100), at=timezone.now())
    assert waiting() == []


def test_nothing_is_noted_after_the_feed_is_stopped() -> None:
    outbox.start()
    settled(account(100))
    outbox.stop()
    settled(account(100))
    assert waiting() == []
    assert not AnalyticsFeed.objects.exists()


@pytest.mark.usefixtures("noted")
def test_a_receipt_is_noted_when_it_is_written_and_when_it_becomes_final() -> None:
    user = account(100)
    receipt = settled(user, final=False)
    assert waiting() == [receipt]

    correction = Correction(provider="p", upstream_id="", prompt_tokens=1, completion_tokens=1)
    ledger.adjust(record_id=receipt, user_id=user.pk, charge=10, correction=correction)

    assert waiting() == [receipt, receipt]
    assert outbox.following(10).receipts == [receipt]


@pytest.mark.usefixtures("noted")
def test_receipts_of_a_batch_are_noted() -> None:
    user = account(100)
    receipts = [used(user, at=timezone.now()).pk for _ in range(2)]
    UsageRecord.objects.filter(pk__in=receipts).update(charged=1)
    assert {*waiting()} == {*receipts}
    assert len(waiting()) == 4


@pytest.mark.usefixtures("noted")
def test_what_is_rolled_back_is_not_noted() -> None:
    user = account(100)
    with transaction.atomic():
        settled(user)
        transaction.set_rollback(True)
    assert waiting() == []


@pytest.mark.usefixtures("noted")
def test_a_provisional_receipt_that_is_deleted_is_noted() -> None:
    user = account(100)
    hold = ledger.reserve(user_id=user.pk, amount=50, ttl=-1, context=A_REQUEST)
    ledger.expire()
    created_at = UsageRecord.objects.get(pk=hold.id).created_at
    ledger.release(hold=hold)

    assert not UsageRecord.objects.exists()
    changes = outbox.following(10)
    assert changes.deleted == {hold.id: outbox.Deleted(hold.id, user.pk, created_at)}
    assert changes.receipts == [hold.id]
    assert copied.by_id(changes.receipts) == []


@pytest.mark.usefixtures("noted")
def test_the_copy_keeps_what_retention_deletes() -> None:
    old = timezone.now() - timedelta(days=60)
    used(account(100), at=old, id=uuid.uuid4())
    ReceiptChange.objects.all().delete()

    assert retention.prune(keep_days=40) == 0, "its day has no sums"
    UsageRecord.objects.all().delete()

    assert waiting() == []


@pytest.mark.usefixtures("noted")
def test_a_change_of_plan_is_one_of_the_receipts_of_its_day() -> None:
    user = account(100)
    Tier.objects.update_or_create(name="pro", defaults={"title": "Pro", "monthly_tokens": 100})
    today = settled(user)
    used(user, at=timezone.now() - timedelta(days=1))
    settled(account(100))
    ReceiptChange.objects.all().delete()

    allowances.change_tier(user_id=user.pk, tier="pro", source="test")
    assert waiting() == [None]
    outbox.expand_plans()

    assert waiting() == [today]
    [row] = copied.by_id([today])
    assert row[copied.NAMES.index("plan")] == "pro"


@pytest.mark.usefixtures("noted")
def test_forgotten_changes_do_not_come_back() -> None:
    user = account(100)
    first, second = settled(user), settled(user)
    outbox.forget(outbox.following(1).rows)
    assert outbox.following(10).receipts == [second]
    assert first != second


def test_the_copy_has_nothing_that_names_a_person() -> None:
    personal = {"session", "task", "request_id", "upstream_id", "attempts", "email", "name"}
    assert not personal & {*copied.NAMES}
    assert not [column for column in copied.COLUMNS if f"u.{column.name}" not in column.value
                and column.name not in ("plan", "cost", "bucket")]  # fmt: skip


@pytest.fixture
def away(settings: Settings) -> Iterator[None]:
    """Name a ClickHouse that does not answer."""
    settings.CLICKHOUSE_URL = f"http://127.0.0.1:{free_port()}/default"
    yield
    feed.stop()
    figures.forget_outage()


@pytest.mark.usefixtures("away")
def test_while_clickhouse_is_away_changes_wait() -> None:
    assert feed_analytics() == 0
    receipt = settled(account(100))

    assert feed_analytics() == 0
    assert verify_analytics() == 0

    assert waiting() == [receipt]
    assert AnalyticsFeed.objects.get().leased_until is None
    with pytest.raises(CommandError):
        call_command("feed_analytics")


@pytest.mark.usefixtures("away")
def test_an_incomplete_old_or_unreachable_copy_is_not_read() -> None:
    assert figures.current() is None
    feed_analytics()
    assert figures.current() is None
    AnalyticsFeed.objects.update(
        is_copied=True, fed_until=timezone.now() - figures.FRESH - timedelta(seconds=1)
    )
    assert figures.current() is None
    AnalyticsFeed.objects.update(fed_until=timezone.now())
    assert figures.current() is None


@pytest.mark.usefixtures("away")
def test_staff_read_from_postgresql_while_clickhouse_is_away() -> None:
    page = signed_in("support").get("/admin/").content.decode()
    assert "Usage from PostgreSQL" in page


def test_without_the_setting_nothing_is_fed_or_read(settings: Settings) -> None:
    settings.CLICKHOUSE_URL = ""
    assert feed_analytics() == verify_analytics() == 0
    assert figures.current() is None
    assert not AnalyticsFeed.objects.exists()
    with pytest.raises(CommandError, match="CLICKHOUSE_URL is not set"):
        call_command("feed_analytics", "--verify")


@pytest.mark.usefixtures("noted")
def test_metrics_tell_how_far_it_is_behind() -> None:
    settled(account(100))
    AnalyticsFeed.objects.update(fed_until=timezone.now() - timedelta(seconds=90))
    values = {metric.name: metric.samples[0].value for metric in outbox.stored()}
    assert values["tokengate_analytics_waiting"] == 1
    assert 90 <= values["tokengate_analytics_lag_seconds"] < 900


def test_there_are_no_metrics_without_a_feed() -> None:
    assert [metric.samples for metric in outbox.stored()] == [[], []]


@pytest.mark.parametrize(
    ("url", "is_right"),
    [
        ("", True),
        ("http://clickhouse:8123/tokengate", True),
        ("https://user:p%40ss@clickhouse.example:8443/tokengate", True),
        ("clickhouse://clickhouse:9000/tokengate", False),
        ("clickhouse:8123", False),
        ("http://clickhouse:port/", False),
    ],
)
def test_the_setting_is_checked(settings: Settings, url: str, is_right: bool) -> None:
    settings.CLICKHOUSE_URL = url
    assert ("tokengate.E012" in {found.id for found in production_is_safe()}) is not is_right
