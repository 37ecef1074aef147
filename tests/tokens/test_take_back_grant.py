"""A refund of what paid for a bonus takes back what is unspent of that bonus, once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.tokens.accounts import account, parts
from tests.tokens.parallel import in_parallel
from tests.tokens.spending import burn
from tokens import ledger
from tokens.ledger import allowances
from tokens.ledger.verify import verify
from tokens.models import Balance, Entry, Grant

pytestmark = pytest.mark.django_db


def take_back(user_id: int, amount: int, *, grant: str = "pack", source: str = "re_1") -> int:
    return allowances.take_back_grant(
        user_id=user_id, grant=grant, amount=amount, source=source, note="asked"
    )


def remaining() -> dict[str, int]:
    return dict(Grant.objects.values_list("source", "remaining"))


def test_the_tokens_of_that_grant_go_and_all_others_stay() -> None:
    user, other = account(100), account(100)
    ledger.grant(user_id=user.pk, amount=50, source="pack")
    ledger.grant(user_id=user.pk, amount=70, source="gift")
    ledger.grant(user_id=other.pk, amount=60, source="other")

    assert take_back(user.pk, 40) == 40

    assert remaining() == {"pack": 10, "gift": 70, "other": 60}
    assert parts(user) == (100, 0, 80, 0, 0)
    assert parts(other) == (100, 0, 60, 0, 0)
    entry = Entry.objects.get(kind="adjustment")
    assert (entry.amount, entry.source, entry.note) == (-40, "take_back:re_1", "asked")
    assert verify() == []


def test_no_more_than_is_left_of_it() -> None:
    user = account(100)
    ledger.grant(user_id=user.pk, amount=50, source="pack")
    burn(user.pk, 120)

    assert take_back(user.pk, 50) == 30
    assert parts(user) == (100, 100, 0, 0, 0)
    assert verify() == []


def test_what_is_held_stays() -> None:
    user = account(10)
    ledger.grant(user_id=user.pk, amount=50, source="pack")
    burn(user.pk, 5)
    ledger.reserve(user_id=user.pk, amount=33, ttl=60)

    assert take_back(user.pk, 50) == 22
    assert parts(user) == (10, 5, 28, 33, 0)
    assert verify() == []


def test_the_same_source_takes_once_and_answers_the_same() -> None:
    user = account(0)
    ledger.grant(user_id=user.pk, amount=50, source="pack")

    assert [take_back(user.pk, 20) for _ in "12"] == [20, 20]
    assert take_back(user.pk, 20, source="re_2") == 20
    assert take_back(user.pk, 20) == 20
    assert parts(user)[2] == 10
    assert verify() == []


@pytest.mark.parametrize("grant", ["nobody", "other"])
def test_a_grant_that_the_user_does_not_have_takes_nothing(grant: str) -> None:
    user, other = account(100), account(0)
    ledger.grant(user_id=user.pk, amount=50, source="pack")
    ledger.grant(user_id=other.pk, amount=50, source="other")

    assert take_back(user.pk, 50, grant=grant) == 0
    assert remaining() == {"pack": 50, "other": 50}
    assert parts(user) == (100, 0, 50, 0, 0)
    assert verify() == []


def test_a_balance_without_it_falls_due_when_something_else_ends() -> None:
    user = account(0)
    soon = timezone.now() + timedelta(hours=1)
    ledger.grant(user_id=user.pk, amount=50, source="pack", expires_at=soon)

    take_back(user.pk, 50)

    balance = Balance.objects.get(user=user)
    assert balance.due_at == balance.period_end


@pytest.mark.django_db(transaction=True)
def test_at_once_it_takes_once() -> None:
    user = account(0)
    ledger.grant(user_id=user.pk, amount=50, source="pack")

    taken = in_parallel(lambda _: take_back(user.pk, 20), 16)

    assert (set(taken), parts(user)[2]) == ({20}, 30)
    assert verify() == []


@pytest.mark.django_db(transaction=True)
def test_two_refunds_at_once_take_no_more_than_there_is() -> None:
    user = account(0)
    ledger.grant(user_id=user.pk, amount=50, source="pack")

    taken = in_parallel(lambda number: take_back(user.pk, 20, source=f"re_{number}"), 16)

    assert (sorted(taken), parts(user)[2]) == ([0] * 13 + [10, 20, 20], 0)
    assert verify() == []
