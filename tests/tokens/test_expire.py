"""Deadlines: a hold that nobody closes is free again, and what was used is charged even then."""

import pytest
from django.core.management import call_command

from tests.tokens.accounts import account, parts
from tokens import ledger
from tokens.ledger import Hold, HoldContext, Receipt
from tokens.ledger.verify import verify
from tokens.models import Reservation, UsageRecord
from tokens.tasks import expire_reservations

pytestmark = pytest.mark.django_db


def late(user_id: int, endpoint: str = "chat/completions") -> Hold:
    context = HoldContext(request_id="req-1", endpoint=endpoint, model="test/model")
    return ledger.reserve(user_id=user_id, amount=60, ttl=-1, context=context)


def test_an_expired_hold_is_freed_once() -> None:
    user = account(100)
    hold = late(user.pk)
    ledger.reserve(user_id=user.pk, amount=10, ttl=60)

    assert expire_reservations() == 1
    assert parts(user) == (100, 0, 0, 10, 0)
    assert Reservation.objects.get(pk=hold.id).state == "expired"
    assert expire_reservations() == 0
    assert verify() == []


def test_so_many_are_freed_at_once_and_the_task_frees_all() -> None:
    user = account(200)
    for _ in range(3):
        late(user.pk)

    assert ledger.expire(at_most=1) == 1
    assert parts(user)[3] == 120
    assert expire_reservations() == 2


def test_a_request_leaves_a_provisional_receipt() -> None:
    user = account(100)
    ledger.settle(
        hold=ledger.reserve(user_id=user.pk, amount=5, ttl=60), charge=5, receipt=Receipt(model="m")
    )
    ledger.reserve(user_id=user.pk, amount=10, ttl=60)
    hold = late(user.pk)

    expire_reservations()

    record = UsageRecord.objects.get(pk=hold.id)
    assert (record.status, record.final, record.charged) == ("abandoned", False, 0)
    assert (record.available_before, record.available_after) == (85, 85)


def test_receipts_of_other_requests_stay() -> None:
    user = account(100)
    for is_final in (True, False):
        hold = ledger.reserve(user_id=user.pk, amount=5, ttl=60)
        ledger.settle(hold=hold, charge=0, receipt=Receipt(model="m", final=is_final))
    late(user.pk)

    expire_reservations()

    assert UsageRecord.objects.count() == 3


def test_a_clients_own_reservation_leaves_none() -> None:
    late(account(100).pk, endpoint="")

    expire_reservations()

    assert not UsageRecord.objects.exists()


def test_a_late_settlement_is_charged_once_and_replaces_the_receipt() -> None:
    user = account(100)
    hold = late(user.pk)
    expire_reservations()

    for _ in range(2):
        ledger.settle(hold=hold, charge=30, receipt=Receipt(model="test/model"))

    assert parts(user) == (100, 30, 0, 0, 0)
    record = UsageRecord.objects.get(pk=hold.id)
    assert (record.status, record.final, record.charged) == ("ok", True, 30)
    assert verify() == []


def test_a_renewed_hold_does_not_expire() -> None:
    user = account(100)
    hold = late(user.pk)

    ledger.renew(reservation_ids=[hold.id], ttl=60)

    assert expire_reservations() == 0


def test_the_command_frees_and_its_dry_run_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    user = account(100)
    late(user.pk)

    call_command("expire_reservations", "--dry-run")
    assert parts(user)[3] == 60
    call_command("expire_reservations")
    assert parts(user)[3] == 0
    assert capsys.readouterr().out.split("\n")[:2] == [
        "1 reservations have expired",
        "1 reservations freed",
    ]
