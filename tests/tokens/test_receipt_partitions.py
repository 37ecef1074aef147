"""Receipts are in monthly partitions by their id, and in the default one until there is theirs."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection
from django.utils import timezone
from psycopg import errors
from uuid_utils.compat import uuid7

from accounts.models import User
from tests.tokens.accounts import account
from tests.tokens.months import current, ids_in, month_of, without
from tests.tokens.parallel import in_parallel
from tests.tokens.usage import record
from tests.webserver import database_url
from tokens import ledger
from tokens.ledger import HoldContext, Receipt
from tokens.ledger.verify import verify
from tokens.models import SessionSpending, UsageRecord
from tokens.periods import midnight
from tokens.tasks import create_partitions
from tokens.usage import partitions
from tokens.usage.partitions import Month

pytestmark = pytest.mark.django_db(transaction=True)

DEFAULT = "tokens_usagerecord_default"
FAR = Month(date(2100, 1, 1))


@pytest.fixture(autouse=True)
def _partitions_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    monkeypatch.undo()  # the default partition is small
    UsageRecord.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {FAR.table}")
    partitions.create_missing()


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the default partition count as one that is not to be searched."""
    monkeypatch.setattr(partitions, "_SMALL_BYTES", -1)


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url(connection.settings_dict["NAME"])) as opened:
        yield opened


def settled(user: User, context: HoldContext | None = None) -> None:
    hold = ledger.reserve(user_id=user.pk, amount=5, ttl=60, context=context or HoldContext())
    ledger.settle(hold=hold, charge=5, receipt=Receipt(model="m"))


def constraints() -> list[bool]:
    """Return of each month that the default partition refuses whether that was checked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT convalidated FROM pg_constraint WHERE conname LIKE 'usage_not_of%'")
        return [checked for (checked,) in cursor.fetchall()]


def test_a_month_is_a_range_of_ids() -> None:
    first, end = Month(date(2024, 1, 1)).bounds

    assert str(first) == "018cc251-f400-7000-8000-000000000000"  # 1704067200000 ms
    assert end == Month(date(2024, 2, 1)).bounds[0]
    assert (first.version, first.variant) == (7, uuid4().variant)
    assert current().bounds[0] < uuid7() < current().bounds[1]


def test_migrating_creates_this_month_and_the_next_three() -> None:
    third = current().next.next.next

    assert set(partitions.present()) >= {current(), current().next, current().next.next, third}
    assert partitions.missing() == []


def test_a_receipt_is_in_the_partition_of_its_month() -> None:
    settled(account(10))

    assert ids_in(current().table) == {UsageRecord.objects.get().pk}
    assert ids_in(DEFAULT) == set()


def test_a_receipt_of_a_month_without_partition_is_moved_when_that_is_created() -> None:
    user = account(10)
    context = HoldContext(session="s", session_budget=100)
    without(current())
    settled(user, context)
    (receipt,) = ids_in(DEFAULT)

    assert create_partitions() == 1

    assert ids_in(current().table) == {receipt}
    assert ids_in(DEFAULT) == set()
    assert SessionSpending.objects.get().charged == 5  # moving is not charging
    assert verify() == []
    assert create_partitions() == 0


def test_ids_of_another_version_are_in_the_default_partition() -> None:
    user = account(10)
    old = record(user, at=datetime.now(UTC), id=uuid4())
    old.save(force_insert=True)

    assert ids_in(DEFAULT) == {old.pk}
    assert UsageRecord.objects.get(pk=old.pk).charged == 30


@pytest.mark.parametrize("small", [True, False])
def test_created_at_once_by_many(small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not small:
        monkeypatch.setattr(partitions, "_SMALL_BYTES", -1)
    months = [current().next.next, current().next.next.next]
    for month in months:
        without(month)

    created = in_parallel(lambda _: create_partitions(), 8)

    assert sum(created) == 2
    assert set(partitions.present()) >= set(months)
    assert constraints() == []


def test_settlements_go_on_while_partitions_come_and_go() -> None:
    users = [account(1000) for _ in range(4)]
    without(current())

    def one(number: int) -> int:
        if number == 60:
            return len(partitions.create_missing())
        if number % 20 == 10:
            return int(partitions.create(FAR)) + int(partitions.drop(FAR, "SELECT true"))
        settled(users[number % 4])
        return 0

    done = in_parallel(one, 160)

    assert done[60] == 1
    assert sum(done) >= 3
    assert UsageRecord.objects.count() == 160 - 1 - 8
    assert len(ids_in(current().table)) == 160 - 1 - 8
    assert verify() == []


@pytest.mark.usefixtures("large")
def test_a_large_default_partition_is_not_searched_under_a_lock() -> None:
    said: list[str] = []
    connection.ensure_connection()
    connection.connection.add_notice_handler(lambda notice: said.append(notice.message_primary))
    with connection.cursor() as cursor:
        cursor.execute("SET client_min_messages = debug1")

    assert partitions.create(FAR)

    connection.close()
    assert any(DEFAULT in text and "is implied by existing constraints" in text for text in said), (
        said
    )
    assert constraints() == []


@pytest.mark.usefixtures("large")
def test_a_month_that_has_begun_stays_in_a_large_default_partition() -> None:
    without(current())
    settled(account(10))

    assert current() not in partitions.missing()
    assert create_partitions() == 0

    assert len(ids_in(DEFAULT)) == 1


@pytest.mark.usefixtures("large")
def test_what_was_killed_halfway_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    month = current().next.next
    without(month)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(partitions, "_attach_table", killed)
        with pytest.raises(KeyboardInterrupt):
            create_partitions()
    assert constraints() == [True]  # that is not repeated

    assert create_partitions() == 1

    assert month in partitions.present()
    assert constraints() == []


def refused(month: Month) -> None:
    """Leave the default partition as a process that was killed does."""
    first, end = month.bounds
    with connection.cursor() as cursor:
        cursor.execute(
            f"ALTER TABLE {DEFAULT} ADD CONSTRAINT {partitions._constraint(month)}"
            f" CHECK (id < '{first}' OR id >= '{end}') NOT VALID"
        )


@pytest.mark.usefixtures("large")
def test_a_month_that_begins_within_days_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens then, there is no time left to have it created."""
    month = current().next
    without(month)
    at = midnight(month.first)

    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: at - timedelta(days=2))
        assert month not in partitions.missing()
        assert not partitions.create(month)
        patch.setattr(timezone, "now", lambda: at - timedelta(days=4))
        assert month in partitions.missing()
        assert partitions.create(month)


@pytest.mark.usefixtures("large")
def test_a_month_that_has_begun_is_not_refused_if_the_default_partition_grows_meanwhile() -> None:
    without(current())

    assert not partitions.create(current())

    settled(account(10))
    assert constraints() == []


@pytest.mark.usefixtures("large")
def test_a_month_that_is_refused_and_cannot_be_created_is_taken_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    month, user = current(), account(10)
    without(month)
    refused(month)
    monkeypatch.setattr(partitions, "_ATTEMPTS", 2)
    monkeypatch.setattr(partitions, "_LOCK_MS", 50)
    with pytest.raises(IntegrityError):
        settled(user)

    def busy(*_: object) -> None:
        raise OperationalError from errors.LockNotAvailable()

    with monkeypatch.context() as patch:
        patch.setattr(partitions, "_attach_table", busy)
        assert create_partitions() == 0

    assert constraints() == []
    settled(user)
    assert len(ids_in(DEFAULT)) == 1


@pytest.mark.usefixtures("large")
def test_a_coming_month_is_refused_until_it_can_be_created(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is time; and what was checked is not checked again."""
    month = current().next.next
    without(month)

    def busy(*_: object) -> None:
        raise OperationalError from errors.LockNotAvailable()

    monkeypatch.setattr(partitions, "_ATTEMPTS", 1)
    with monkeypatch.context() as patch:
        patch.setattr(partitions, "_attach_table", busy)
        assert create_partitions() == 0
    assert constraints() == [True]

    assert create_partitions() == 1
    assert constraints() == []


@pytest.mark.usefixtures("large")
def test_ids_of_another_version_in_a_coming_month_are_moved_while_others_read(
    other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    month = month_of(datetime.now(UTC) + timedelta(days=40))
    without(month)
    stray = record(account(10), at=datetime.now(UTC), id=month.bounds[0])
    stray.save(force_insert=True)
    attach, seen = partitions._attach_table, list[Any]()

    def read_and_attach(cursor: Any, month: Month) -> None:
        """It was moved and checked; others are not locked out, and see it where it was."""
        other.execute("SET lock_timeout = '10s'")
        seen.extend(other.execute("SELECT id, tableoid::regclass::text FROM tokens_usagerecord"))
        other.rollback()
        attach(cursor, month)

    monkeypatch.setattr(partitions, "_attach_table", read_and_attach)
    assert create_partitions() == 1

    assert seen == [(stray.pk, DEFAULT)]
    assert ids_in(month.table) == {stray.pk}
    assert constraints() == []


def test_a_lock_that_is_not_free_is_not_waited_for_long(
    other: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for a lock makes all others wait behind it."""
    monkeypatch.setattr(partitions, "_ATTEMPTS", 1)
    monkeypatch.setattr(partitions, "_LOCK_MS", 50)
    other.execute("LOCK TABLE tokens_usagerecord IN ROW EXCLUSIVE MODE")
    assert not partitions.create(FAR)
    other.rollback()
    assert partitions.create(FAR)

    other.execute("SELECT FROM tokens_usagerecord")
    assert not partitions.drop(FAR, "SELECT true")
    other.rollback()
    assert partitions.drop(FAR, "SELECT true")


def test_nothing_is_dropped_unless_the_condition_holds() -> None:
    partitions.create(FAR)

    assert not partitions.drop(FAR, "SELECT false")

    assert FAR in partitions.present()


def test_others_wait_only_briefly_for_what_the_condition_looks_at() -> None:
    partitions.create(FAR)

    assert not partitions.drop(FAR, "SELECT true FROM pg_sleep(60)")

    assert FAR in partitions.present()


def test_a_role_that_does_not_own_the_partition_leaves_it() -> None:
    partitions.create(FAR)
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE writer; GRANT ALL ON ALL TABLES IN SCHEMA public TO writer")
        try:
            cursor.execute("SET ROLE writer")
            assert not partitions.drop(FAR, "SELECT true")
        finally:
            cursor.execute("RESET ROLE; DROP OWNED BY writer; DROP ROLE writer")

    assert FAR in partitions.present()
