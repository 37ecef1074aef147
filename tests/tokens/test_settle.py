"""Settling: what was used is charged once, the rest is free again."""

import uuid
from decimal import Decimal

import pytest

from tests.tokens.accounts import account, parts
from tokens import ledger
from tokens.errors import ReservationClosed
from tokens.ledger import Hold, HoldContext, Receipt
from tokens.ledger.verify import verify
from tokens.models import Entry, Reservation, UsageRecord

pytestmark = pytest.mark.django_db

RECEIPT = Receipt(model="test/model", provider="demo", prompt_tokens=10, completion_tokens=20)


def held(user_id: int, amount: int = 60) -> Hold:
    context = HoldContext(request_id="req-1", endpoint="chat/completions", model="test/model")
    return ledger.reserve(user_id=user_id, amount=amount, ttl=60, context=context)


def test_settling_charges_the_usage_and_frees_the_rest() -> None:
    user = account(100)
    hold = held(user.pk)

    settled = ledger.settle(hold=hold, charge=30, receipt=RECEIPT)

    assert settled == ledger.Settlement(charged=30, available=70, fresh=True)
    assert parts(user) == (100, 30, 0, 0, 0)
    assert Reservation.objects.get(pk=hold.id).state == "settled"
    entry = Entry.objects.get(kind="usage", user=user)
    assert (entry.amount, entry.source) == (-30, str(hold.id))
    assert verify() == []


def test_the_receipt_tells_all() -> None:
    user = account(100)
    hold = held(user.pk)
    receipt = Receipt(
        model="test/model",
        provider="demo",
        prompt_tokens=10,
        completion_tokens=20,
        cost=Decimal("0.000012345678"),
        attempts=[{"provider": "demo", "outcome": "ok", "status": 200, "ms": 5}],
    )

    ledger.settle(hold=hold, charge=30, receipt=receipt)

    record = UsageRecord.objects.get(pk=hold.id)
    assert (record.user_id, record.request_id, record.endpoint) == (
        user.pk,
        "req-1",
        "chat/completions",
    )
    assert (record.available_before, record.available_after) == (100, 70)
    assert record.cost == Decimal("0.0000123457")
    assert record.attempts[0]["outcome"] == "ok"


def test_twice_charges_once() -> None:
    user = account(100)
    hold = held(user.pk)
    ledger.settle(hold=hold, charge=30, receipt=RECEIPT)

    again = ledger.settle(hold=hold, charge=45, receipt=RECEIPT)

    assert (again.charged, again.fresh) == (30, False)
    assert parts(user) == (100, 30, 0, 0, 0)
    assert verify() == []


def test_release_charges_nothing_and_leaves_no_receipt() -> None:
    user = account(100)
    hold = held(user.pk)

    assert ledger.release(hold=hold).available == 100
    assert ledger.settle(hold=hold, charge=30, receipt=RECEIPT).charged == 0
    assert parts(user) == (100, 0, 0, 0, 0)
    assert not UsageRecord.objects.exists()


def test_zero_is_charged_as_zero_with_a_receipt() -> None:
    user = account(100)
    hold = held(user.pk)

    ledger.settle(hold=hold, charge=0, receipt=RECEIPT)

    assert UsageRecord.objects.get(pk=hold.id).charged == 0
    assert not Entry.objects.filter(kind="usage").exists()
    assert verify() == []


def test_more_than_the_hold_is_charged_from_what_is_free() -> None:
    user = account(100)
    hold = held(user.pk, 10)

    ledger.settle(hold=hold, charge=90, receipt=RECEIPT)

    assert parts(user) == (100, 90, 0, 0, 0)


def test_what_others_hold_is_never_taken() -> None:
    user = account(100)
    hold, other = held(user.pk, 10), held(user.pk, 80)

    ledger.settle(hold=hold, charge=50, receipt=RECEIPT)

    assert parts(user) == (100, 20, 0, 80, 30)  # 30 overdrawn: charged, not covered
    ledger.settle(hold=other, charge=80, receipt=RECEIPT)
    assert parts(user) == (100, 100, 0, 0, 30)
    assert verify() == []


@pytest.mark.parametrize(
    ("kind", "after"),
    [(Entry.Kind.BONUS, (100, 100, 20, 0, 0)), (Entry.Kind.ALLOWANCE, (150, 130, 0, 0, 0))],
)
def test_the_next_grant_pays_what_was_overdrawn(
    kind: Entry.Kind, after: tuple[int, int, int, int, int]
) -> None:
    user = account(100)
    ledger.settle(hold=held(user.pk), charge=130, receipt=RECEIPT)
    assert parts(user) == (100, 100, 0, 0, 30)

    ledger.grant(user_id=user.pk, amount=50, source="gift", kind=kind)

    assert parts(user) == after
    assert verify() == []


def test_an_unknown_reservation_is_refused() -> None:
    user = account(100)

    with pytest.raises(ReservationClosed):
        ledger.settle(hold=Hold(uuid.uuid4(), user.pk, 1, 0), charge=1, receipt=RECEIPT)


def test_a_negative_charge_is_refused() -> None:
    user = account(100)

    with pytest.raises(ValueError, match="negative"):
        ledger.settle(hold=held(user.pk), charge=-1, receipt=RECEIPT)
