"""Holding tokens: all of them, what there is of them, or none."""

import uuid

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.tokens.accounts import account, parts
from tokens import ledger
from tokens.errors import InsufficientTokens
from tokens.ledger.verify import verify
from tokens.models import Balance, Reservation

pytestmark = pytest.mark.django_db


def test_a_reservation_holds_its_amount() -> None:
    user = account(100)

    hold = ledger.reserve(user_id=user.pk, amount=60, ttl=60)

    assert (hold.amount, hold.available) == (60, 40)
    assert parts(user) == (100, 0, 0, 60, 0)
    assert Reservation.objects.get(pk=hold.id).state == "held"
    assert verify() == []


def test_it_takes_one_round_trip(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    user = account(100)

    with django_assert_num_queries(1):
        ledger.reserve(user_id=user.pk, amount=60, ttl=60)


def test_ids_follow_the_time() -> None:
    """Else each new row and receipt touches another page of every index."""
    user = account(100)

    held = [ledger.reserve(user_id=user.pk, amount=1, ttl=60).id for _ in range(50)]

    assert held == sorted(held)


def test_too_much_is_refused_with_the_facts_and_holds_nothing() -> None:
    user = account(100)

    with pytest.raises(InsufficientTokens) as refused:
        ledger.reserve(user_id=user.pk, amount=101, ttl=60)

    facts = refused.value.facts
    assert (facts["needed"], facts["available"]) == (101, 100)
    assert facts["resets_at"] == Balance.objects.get(user=user).period_end
    assert parts(user) == (100, 0, 0, 0, 0)


def test_with_a_minimum_it_holds_what_there_is() -> None:
    user = account(100)

    assert ledger.reserve(user_id=user.pk, amount=500, minimum=100, ttl=60).amount == 100
    with pytest.raises(InsufficientTokens):
        ledger.reserve(user_id=user.pk, amount=500, minimum=1, ttl=60)


def test_the_same_id_holds_once() -> None:
    user, once = account(100), uuid.uuid4()

    first = ledger.reserve(user_id=user.pk, amount=60, ttl=60, reservation_id=once)
    again = ledger.reserve(user_id=user.pk, amount=60, ttl=60, reservation_id=once)

    assert (first.amount, again.amount) == (60, 60)
    assert parts(user)[3] == 60


def test_somebody_elses_id_holds_nothing() -> None:
    mine, theirs, once = account(100), account(100), uuid.uuid4()
    ledger.reserve(user_id=mine.pk, amount=60, ttl=60, reservation_id=once)

    with pytest.raises(InsufficientTokens):
        ledger.reserve(user_id=theirs.pk, amount=60, ttl=60, reservation_id=once)
    assert parts(theirs)[3] == 0


def test_a_user_without_a_balance_gets_one_first() -> None:
    user = account(0)
    Balance.objects.filter(user=user).delete()

    with pytest.raises(InsufficientTokens):
        ledger.reserve(user_id=user.pk, amount=1, ttl=60)
    assert parts(user) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(("amount", "minimum"), [(0, None), (-5, None), (5, 0), (5, 6)])
def test_nonsense_is_refused(amount: int, minimum: int | None) -> None:
    with pytest.raises(ValueError, match="minimum"):
        ledger.reserve(user_id=1, amount=amount, minimum=minimum, ttl=60)
