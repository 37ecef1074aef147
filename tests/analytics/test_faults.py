"""No row is lost or counted twice, whatever fails, and whoever feeds at once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from threading import Event

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from core.models import Operation
from tests.analytics.clickhouse import ROOT, ClickHouse
from tests.analytics.equality import assert_equal, today
from tests.analytics.program import Program
from tests.factories import UserFactory
from tests.tokens.months import id_of
from tests.tokens.usage import used
from tests.waiting import wait_for
from tests.webserver import database_url
from tokens import ledger
from tokens.analytics import comparison, feed, figures, warehouse
from tokens.ledger import Correction, Receipt
from tokens.models import AnalyticsFeed, ReceiptChange, UsageRecord
from tokens.tasks import feed_analytics
from tokens.usage import aggregates, retention


@pytest.fixture
def user(transactional_db: None) -> User:
    made: User = UserFactory.create()
    return made


@pytest.fixture
def fed(clickhouse: ClickHouse, user: User) -> ClickHouse:
    """Return a ClickHouse that has one receipt."""
    used(user, at=timezone.now(), charged=1)
    feed.feed()
    assert_equal()
    return clickhouse


def charged() -> int:
    [(total,)] = warehouse.query(f"SELECT sum(charged) FROM {warehouse.RECEIPTS} FINAL")
    return int(total)


def lease_ends() -> None:
    AnalyticsFeed.objects.update(leased_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("fault", ["refuse", "drop"])
def test_a_batch_that_fails_is_fed_again(fed: ClickHouse, user: User, fault: str) -> None:
    used(user, at=timezone.now(), charged=2)
    fed.set_fault(fault, times=2)  # a lost connection is tried again at once
    with pytest.raises(warehouse.Unavailable):
        feed.feed()
    assert ReceiptChange.objects.count() == 1
    fed.set_fault("", times=0)

    feed.feed()

    assert_equal()
    assert not ReceiptChange.objects.exists()


def test_a_server_that_dies_with_the_rows(fed: ClickHouse, user: User) -> None:
    used(user, at=timezone.now(), charged=2)
    fed.set_fault("die")
    with pytest.raises(warehouse.Unavailable):
        feed.feed()
    fed.stop()
    fed.start()

    feed.feed()

    assert_equal()


def test_clickhouse_is_away(fed: ClickHouse, user: User) -> None:
    fed.stop()
    used(user, at=timezone.now(), charged=2)

    assert feed_analytics() == 0
    assert figures.current() is None
    assert ReceiptChange.objects.count() == 1

    fed.start()
    figures.forget_outage()
    assert feed_analytics() == 1
    assert_equal()


@pytest.fixture
def feeder(fed: ClickHouse) -> Iterator["subprocess.Popen[bytes]"]:
    """Return a process that feeds, and waits for the answer to its first batch."""
    fed.set_fault("hold")
    name = str(connection.settings_dict["NAME"])
    process = subprocess.Popen(
        [sys.executable, "manage.py", "feed_analytics"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": database_url(name),
            "CLICKHOUSE_URL": settings.CLICKHOUSE_URL,
        },
        stdout=subprocess.DEVNULL,
    )
    yield process
    process.kill()
    process.wait()


def test_a_feeder_that_is_killed(
    user: User, fed: ClickHouse, request: pytest.FixtureRequest
) -> None:
    used(user, at=timezone.now(), charged=2)
    process: subprocess.Popen[bytes] = request.getfixturevalue("feeder")
    wait_for(lambda: fed.held == 1)

    process.send_signal(signal.SIGKILL)
    process.wait()
    fed.release()

    assert feed.feed() == 0, "its lease has not ended"
    lease_ends()
    feed.feed()
    assert_equal()
    assert charged() == 3


def test_a_feeder_that_comes_late_with_an_old_state(user: User, fed: ClickHouse) -> None:
    ledger.open_account(user.pk)
    hold = ledger.reserve(user_id=user.pk, amount=50, ttl=60)
    ledger.settle(hold=hold, charge=20, receipt=Receipt(model="m", source="estimated", final=False))
    fed.set_fault("hold")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(_feed_alone)
        wait_for(lambda: fed.held == 1)
        correction = Correction(provider="p", upstream_id="", prompt_tokens=1, completion_tokens=1)
        ledger.adjust(record_id=hold.id, user_id=user.pk, charge=7, correction=correction)
        lease_ends()
        feed.feed()
        assert charged() == 8
        fed.release()
        slow.result()

    assert charged() == 8
    feed.feed()
    assert_equal()
    assert comparison.prove() > 0


def _feed_alone() -> None:
    try:
        feed.feed()
    finally:
        connection.close()


def test_a_transaction_that_commits_late(user: User, fed: ClickHouse) -> None:
    """Its receipt is older than others that were fed before it could be seen."""
    written, may_commit = Event(), Event()

    def write() -> None:
        try:
            with transaction.atomic():
                used(user, at=timezone.now() - timedelta(hours=1), charged=10)
                written.set()
                may_commit.wait()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(write)
        written.wait()
        used(user, at=timezone.now(), charged=2)
        feed.feed()
        assert charged() == 3
        may_commit.set()
        late.result()

    feed.feed()
    assert charged() == 13
    assert_equal()


def test_a_receipt_that_is_written_while_the_feed_begins(
    clickhouse: ClickHouse, user: User
) -> None:
    """The feed waits for transactions that do not note their changes yet."""
    written, may_commit = Event(), Event()

    def write() -> None:
        try:
            with transaction.atomic():
                used(user, at=timezone.now(), charged=10)
                written.set()
                may_commit.wait(5)
        finally:
            connection.close()

    def release() -> None:
        wait_for(_somebody_waits)
        may_commit.set()

    ledger.open_account(user.pk)
    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(write)
        written.wait()
        watcher = pool.submit(release)
        feed.feed()
        late.result()
        watcher.result()

    assert charged() == 10


def _somebody_waits() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks l WHERE NOT granted"
                " AND relation = 'tokens_usagerecord'::regclass)"
            )
            return bool(cursor.fetchone()[0])
    finally:
        connection.close()


def test_lost_tables_are_filled_again(fed: ClickHouse, user: User) -> None:
    warehouse.drop()
    assert figures.current() is None
    figures.forget_outage()

    feed.feed()

    assert_equal()
    assert charged() == 1


def test_a_restored_clickhouse_is_filled_again(fed: ClickHouse, user: User) -> None:
    """Its backup is older than what it had acknowledged."""
    state = AnalyticsFeed.objects.get()
    warehouse.drop()
    warehouse.prepare()
    warehouse.write(state.identity, state.acknowledged - 1, [], [])
    assert figures.current() is None

    feed.feed()

    assert_equal()


def test_a_restored_postgresql_is_not_mixed_with_what_came_later(fed: ClickHouse) -> None:
    AnalyticsFeed.objects.update(run=0, acknowledged=0)
    UsageRecord.objects.all().delete()

    assert figures.current() is None
    with pytest.raises(feed.NotFed, match="--rebuild"):
        feed.feed()

    feed.rebuild()
    feed.feed()
    assert not warehouse.query(f"SELECT id FROM {warehouse.RECEIPTS} FINAL")


def test_another_site_does_not_write_to_the_same_database(fed: ClickHouse) -> None:
    feed.stop()

    with pytest.raises(feed.NotFed, match="another database"):
        feed.feed()
    assert charged() == 1


def test_a_copy_goes_on_after_an_interruption(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "BATCH", 30)
    Program(1).history()
    clickhouse.set_fault("refuse")
    for _ in range(3):
        feed_analytics()
    feed.feed(seconds=0)
    assert AnalyticsFeed.objects.get().is_copied

    assert_equal()


def test_a_copy_that_is_dropped_meanwhile_begins_anew(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the first copy has stored, and hears of too late, does not count for the second."""
    monkeypatch.setattr(feed, "BATCH", 30)
    Program(2).history()
    clickhouse.set_fault("stall")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_feed_alone)
        wait_for(lambda: clickhouse.held == 1)
        feed.rebuild()
        warehouse.prepare()
        clickhouse.release()
        first.result()

    lease_ends()
    feed.feed()
    assert_equal()


def test_days_of_a_new_feed_are_counted_from_what_is_kept(fed: ClickHouse) -> None:
    assert comparison.days() == [today()]


def test_what_retention_deletes_before_it_is_fed_is_read_from_postgresql(
    fed: ClickHouse, user: User
) -> None:
    old = timezone.now() - timedelta(days=60)
    used(user, at=old, charged=5, id=id_of(old))
    aggregates.aggregate(since=old.date())
    assert retention.prune(keep_days=40) == 1

    feed.feed()

    ours = figures.current()
    assert ours is not None
    assert not ours.covers(old.date())
    assert ours.covers(today())
    assert comparison.prove() > 0


def test_what_is_deleted_after_it_was_fed_stays(fed: ClickHouse, user: User) -> None:
    old = timezone.now() - timedelta(days=60)
    used(user, at=old, charged=5, id=id_of(old))
    aggregates.aggregate(since=old.date())
    feed.feed()
    assert retention.prune(keep_days=40) == 1

    feed.feed()

    ours = figures.current()
    assert ours is not None
    assert ours.covers(old.date())
    assert charged() == 6
    assert_equal()
    assert comparison.prove() > 0


def test_a_table_that_was_created_anew_is_noted_and_copied_again(
    fed: ClickHouse, user: User
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tokens_usagerecord DISABLE TRIGGER receipts_noted_inserted")
    used(user, at=timezone.now(), charged=2)
    assert not ReceiptChange.objects.exists()

    feed.feed()

    assert_equal()
    assert charged() == 3


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO {0} SELECT * REPLACE (generateUUIDv4() AS id) FROM {0} FINAL",
        "INSERT INTO {0} SELECT * REPLACE (7 AS charged, version + 1 AS version) FROM {0}",
        "INSERT INTO {0} SELECT * REPLACE ('pro' AS plan, version + 1 AS version) FROM {0}",
        "INSERT INTO {0} SELECT * REPLACE (1 AS is_deleted, version + 1 AS version) FROM {0}",
    ],
)
def test_the_comparison_finds_what_differs(fed: ClickHouse, change: str) -> None:
    assert comparison.prove() > 0
    warehouse._command(change.format(warehouse.RECEIPTS))

    with pytest.raises(comparison.Differs) as found:
        comparison.prove()

    assert {one.day for one in found.value.differences} == {today()}
    assert Operation.objects.get(name="verify-analytics").succeeded is False
    with pytest.raises(CommandError, match="differ"):
        call_command("feed_analytics", "--verify", stderr=StringIO())


def test_requests_during_a_comparison_are_no_difference(fed: ClickHouse, user: User) -> None:
    """What is noted and not fed is left out of both sums, also of a receipt that was fed before."""
    ledger.open_account(user.pk)
    over = Event()
    changing = UsageRecord.objects.filter(user=user)[:1].values("pk")

    def work() -> None:
        try:
            while not over.is_set():
                hold = ledger.reserve(user_id=user.pk, amount=5, ttl=60)
                ledger.settle(hold=hold, charge=5, receipt=Receipt(model="m"))
                UsageRecord.objects.filter(pk__in=changing).update(charged=F("charged") + 1)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)
        try:
            for _ in range(5):
                assert comparison.prove() == 1
        finally:
            over.set()
        worker.result()
    feed.feed()
    assert_equal()
