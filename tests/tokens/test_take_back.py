"""Refunds and disputes take back what is unspent, once."""

import pytest

from tests.tokens.accounts import account, parts
from tests.tokens.parallel import in_parallel
from tests.tokens.spending import burn
from tokens import ledger
from tokens.ledger import allowances
from tokens.ledger.verify import verify
from tokens.models import Entry, Grant

pytestmark = pytest.mark.django_db


def test_a_refund_takes_back_unspent_tokens() -> None:
    user = account(100)
    burn(user.pk, 30)

    assert allowances.take_back(user_id=user.pk, amount=50, source="re_1", note="asked") == 50
    assert parts(user) == (50, 30, 0, 0, 0)
    entry = Entry.objects.get(kind="adjustment")
    assert (entry.amount, entry.source, entry.note) == (-50, "take_back:re_1", "asked")
    assert verify() == []


def test_the_same_source_takes_once() -> None:
    user = account(100)

    taken = [allowances.take_back(user_id=user.pk, amount=40, source="re_1") for _ in "12"]

    assert (taken, parts(user)[0]) == ([40, 40], 60)


def test_no_more_than_is_unspent_and_not_later_either() -> None:
    user = account(100)
    burn(user.pk, 100)

    assert allowances.take_back(user_id=user.pk, amount=50, source="re_1") == 0
    ledger.grant(user_id=user.pk, amount=70, source="gift")
    assert allowances.take_back(user_id=user.pk, amount=50, source="re_1") == 0
    assert parts(user) == (100, 100, 70, 0, 0)
    assert verify() == []


def test_what_is_held_stays() -> None:
    user = account(100)
    ledger.grant(user_id=user.pk, amount=20, source="gift")
    ledger.reserve(user_id=user.pk, amount=90, ttl=60)

    assert allowances.take_back(user_id=user.pk, amount=500, source="re_1") == 30
    assert parts(user) == (70, 0, 20, 90, 0)
    assert verify() == []


def test_bonus_that_lasts_longest_goes_after_the_allowance() -> None:
    user = account(100)
    end = ledger.open_account(user.pk).period_end
    ledger.grant(user_id=user.pk, amount=20, source="1-ends", expires_at=end)
    ledger.grant(user_id=user.pk, amount=20, source="2-stays")

    allowances.take_back(user_id=user.pk, amount=125, source="re_1")

    assert [*Grant.objects.order_by("source").values_list("remaining", flat=True)] == [15, 0]
    assert parts(user) == (0, 0, 15, 0, 0)
    assert verify() == []


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_and_less_are_refused(amount: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        allowances.take_back(user_id=1, amount=amount, source="re_1")


@pytest.mark.django_db(transaction=True)
def test_at_once_it_takes_once() -> None:
    user = account(100)

    taken = in_parallel(
        lambda _: allowances.take_back(user_id=user.pk, amount=40, source="re_1"), 16
    )

    assert (set(taken), parts(user)[0]) == ({40}, 60)
    assert verify() == []
