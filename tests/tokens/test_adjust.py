"""Final usage from the provider makes a provisional receipt final and corrects its charge."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from tests.tokens.accounts import account, parts
from tokens import ledger
from tokens.errors import ReservationClosed
from tokens.ledger import Correction, HoldContext, Receipt, Settlement
from tokens.ledger.verify import verify
from tokens.models import Entry, Grant, Reservation, UsageRecord
from tokens.usage import provisional

pytestmark = pytest.mark.django_db


def guessed(user: User, charge: int, *, hold: int = 10, final: bool = False) -> UsageRecord:
    """Settle a request by a local count."""
    context = HoldContext(request_id="req-1", endpoint="chat/completions", model="m")
    held = ledger.reserve(user_id=user.pk, amount=hold, ttl=60, context=context)
    receipt = Receipt(model="m", source="estimated", final=final, completion_tokens=charge)
    ledger.settle(hold=held, charge=charge, receipt=receipt)
    return UsageRecord.objects.get(pk=held.id)


def said(record: UsageRecord, charge: int) -> Settlement:
    correction = Correction(
        provider="demo",
        upstream_id="gen-1",
        prompt_tokens=1,
        completion_tokens=charge - 1,
        upstream_cost=Decimal("0.5"),
    )
    return ledger.adjust(
        record_id=record.pk, user_id=record.user_id, charge=charge, correction=correction
    )


@pytest.mark.parametrize("charge", [10, 30, 45, 100])
def test_final_usage_corrects_a_provisional_charge(charge: int) -> None:
    user = account(100)
    record = guessed(user, 30)

    assert said(record, charge) == Settlement(charged=charge, available=100 - charge, fresh=True)

    assert parts(user) == (100, charge, 0, 0, 0)
    record.refresh_from_db()
    assert (record.final, record.source, record.charged) == (True, "reported", charge)
    assert (record.completion_tokens, record.upstream_cost) == (charge - 1, Decimal("0.5"))
    assert (record.available_before, record.available_after) == (100, 100 - charge)
    adjustments = Entry.objects.filter(kind="adjustment", source=str(record.pk))
    assert [entry.amount for entry in adjustments] == ([30 - charge] if charge != 30 else [])
    assert verify() == []


def test_the_first_word_stands() -> None:
    user = account(100)
    record = guessed(user, 30)
    said(record, 10)

    assert said(record, 99) == Settlement(charged=10, available=90, fresh=False)
    assert said(guessed(user, 5, final=True), 50).charged == 5
    assert verify() == []


def test_what_is_not_covered_is_overdrawn_and_paid_back_first() -> None:
    user = account(50)
    record, other = guessed(user, 20), guessed(user, 10, hold=10)

    said(record, 90)
    assert parts(user) == (50, 50, 0, 0, 50)
    said(other, 4)
    assert parts(user) == (50, 50, 0, 0, 44)
    assert verify() == []


def test_what_others_hold_is_not_taken() -> None:
    user = account(100)
    record = guessed(user, 10)
    ledger.reserve(user_id=user.pk, amount=80, ttl=60)

    assert said(record, 60).available == 0
    assert parts(user) == (100, 20, 0, 80, 40)
    assert verify() == []


def test_a_refund_goes_back_where_it_burned() -> None:
    user = account(40)
    soon = timezone.now() + timedelta(hours=1)
    ledger.grant(user_id=user.pk, amount=10, source="soon", expires_at=soon)
    ledger.grant(user_id=user.pk, amount=50, source="lasting")
    record = guessed(user, 70, hold=70)
    assert parts(user) == (40, 40, 30, 0, 0)

    def left() -> list[int]:
        return [
            *Grant.objects.order_by("id").values_list("remaining", flat=True),
            40 - parts(user)[1],
        ]

    assert left() == [0, 30, 0]
    said(record, 5)
    assert left() == [5, 50, 40]
    assert verify() == []


def test_the_allowance_gets_it_back_while_it_lasts() -> None:
    user = account(40)
    ledger.grant(user_id=user.pk, amount=50, source="spent before")
    said(guessed(user, 60), 60)
    ledger.grant(user_id=user.pk, amount=60, source="more", kind=Entry.Kind.ALLOWANCE)
    record = guessed(user, 30)

    said(record, 10)

    assert parts(user) == (100, 50, 30, 0, 0)
    assert verify() == []


def test_a_refund_that_fits_nowhere_is_a_bonus_for_the_period() -> None:
    user = account(40)
    record = guessed(user, 30)
    connection.cursor().execute(
        "INSERT INTO tokens_entry (user_id, kind, amount, source, note, created_at)"
        " VALUES (%s, 'expiry', -10, 'reset', '', now());"
        "UPDATE tokens_balance SET allocated = 0, used = 0 WHERE user_id = %s",
        [user.pk, user.pk],
    )

    said(record, 5)

    assert parts(user) == (0, 0, 25, 0, 0)
    assert Grant.objects.get().expires_at == user.balance.period_end
    assert verify() == []


def test_a_dead_process_that_comes_late_finds_the_books_closed() -> None:
    user = account(100)
    context = HoldContext(request_id="req-1", endpoint="chat/completions", model="m")
    hold = ledger.reserve(user_id=user.pk, amount=60, ttl=-1, context=context)
    ledger.trace(answering={hold.id: ("demo", "gen-7")})
    ledger.expire()

    (due,) = provisional.claim(at_most=10)
    assert (due.provider, due.upstream_id, due.record.status) == ("demo", "gen-7", "abandoned")
    said(due.record, 25)
    late = ledger.settle(hold=hold, charge=40, receipt=Receipt(model="m"))

    assert late == Settlement(charged=25, available=75, fresh=False)
    assert Reservation.objects.get(pk=hold.id).state == "settled"
    assert verify() == []


def test_a_receipt_that_nobody_will_say_more_about() -> None:
    user = account(100)
    record = guessed(user, 30)

    ledger.conclude(record_id=record.pk, user_id=user.pk)

    record.refresh_from_db()
    assert (record.final, record.source, record.charged) == (True, "estimated", 30)
    assert provisional.claim(at_most=10) == []


def test_each_is_claimed_once_and_comes_again_later() -> None:
    user = account(1000)
    record = guessed(user, 30)

    assert [due.record.pk for due in provisional.claim(at_most=10)] == [record.pk]
    assert provisional.claim(at_most=10) == []
    pauses = []
    for _ in range(12):
        UsageRecord.objects.update(ask_at=timezone.now())
        (due,) = provisional.claim(at_most=10)
        assert due.record.ask_at
        pauses.append(round((due.record.ask_at - timezone.now()).total_seconds(), -1))
    assert pauses == [20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600, 3600]


def test_so_many_are_claimed_at_once_the_oldest_first() -> None:
    user = account(1000)
    records = [guessed(user, 30) for _ in range(3)]

    claims = [[due.record.pk for due in provisional.claim(at_most=2)] for _ in range(2)]

    assert [set(claim) for claim in claims] == [
        {record.pk for record in records[:2]},
        {records[2].pk},
    ]


def test_an_unknown_receipt() -> None:
    with pytest.raises(ReservationClosed):
        said(UsageRecord(id=uuid.uuid4(), user_id=account(1).pk), 5)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_adjust_once() -> None:
    user = account(100)
    record = guessed(user, 30)

    def adjust(charge: int) -> bool:
        try:
            return said(record, charge).fresh
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        fresh = list(pool.map(adjust, range(40, 56)))

    assert fresh.count(True) == 1
    assert Entry.objects.filter(kind="adjustment").count() == 1
    assert verify() == []
