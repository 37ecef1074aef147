"""Real parallelism on real PostgreSQL: many processes' worth of connections on few balances."""

import random

import pytest

from tests.tokens.accounts import account, parts
from tests.tokens.parallel import in_parallel
from tokens import ledger
from tokens.errors import InsufficientTokens
from tokens.ledger import Receipt
from tokens.ledger.verify import verify

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_balance_for_50_holds_50_of_200() -> None:
    user = account(50 * 7)

    def one(_: int) -> int:
        try:
            return ledger.reserve(user_id=user.pk, amount=7, ttl=60).amount
        except InsufficientTokens:
            return 0

    held = in_parallel(one, 200)

    assert sorted(set(held)) == [0, 7]
    assert held.count(7) == 50
    assert parts(user) == (350, 0, 0, 350, 0)
    assert verify() == []


def test_the_same_grant_at_once_gives_once() -> None:
    user = account(0)

    given = in_parallel(lambda _: ledger.grant(user_id=user.pk, amount=5, source="invoice"), 40)

    assert given.count(True) == 1
    assert parts(user)[2] == 5


def test_a_first_visit_at_once_opens_one_account() -> None:
    user = account(0)
    user.balance.delete()

    in_parallel(lambda _: ledger.open_account(user.pk).user_id, 40)

    assert parts(user) == (0, 0, 0, 0, 0)


def test_everything_at_once_keeps_the_books_right() -> None:
    users = [account(5_000) for _ in range(4)]

    def one(number: int) -> int:
        chance = random.Random(number)
        user = chance.choice(users)
        if chance.random() < 0.1:
            ledger.grant(user_id=user.pk, amount=50, source=f"gift-{number}")
        try:
            hold = ledger.reserve(user_id=user.pk, amount=100, ttl=chance.choice([-1, 60]))
        except InsufficientTokens:
            return 0
        if chance.random() < 0.2:
            ledger.expire()
        if chance.random() < 0.2:
            return ledger.release(hold=hold).charged
        receipt = Receipt(model="test/model")
        charge = chance.randrange(150)
        return (
            sum(ledger.settle(hold=hold, charge=charge, receipt=receipt).charged for _ in "12") // 2
        )

    charged = in_parallel(one, 300)

    left = [parts(user) for user in users]
    assert sum(used for _, used, *_ in left) <= sum(charged)
    assert all(reserved >= 0 for *_, reserved, _ in left)
    assert verify() == []
