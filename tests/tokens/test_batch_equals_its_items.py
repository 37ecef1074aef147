"""A batch answers, and leaves the books, as its items would have one by one."""

import random
import uuid
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from accounts.models import User
from tests.tokens.accounts import account, parts
from tests.tokens.clock import set_clock
from tokens import ledger
from tokens.ledger import HoldContext, Receipt, items
from tokens.ledger.batching import Answer, Item, as_json
from tokens.ledger.functions import call
from tokens.ledger.verify import verify
from tokens.models import Entry, Reservation, UsageRecord

pytestmark = pytest.mark.django_db

SOON = datetime.fromisoformat("2026-03-01T00:00+00:00")


def people() -> list[User]:
    """Return users with an allowance, with bonus of three kinds, with debts, and with nothing.

    The bonus of one is most of what they have, so that it is over while it is held: it lapses.
    """
    made = [account(tokens) for tokens in (1000, 300, 40, 250, 500, 0, 60)]
    ledger.grant(user_id=made[6].pk, amount=700, source=f"{made[6].pk}", expires_at=SOON)
    ledger.grant(user_id=made[6].pk, amount=90, source=f"{made[6].pk}:late")
    for number, (place, ends) in enumerate([(1, None), (3, SOON), (3, None), (4, SOON)]):
        user = made[place]
        ledger.grant(user_id=user.pk, amount=120, source=f"{user.pk}:{number}", expires_at=ends)
    hold = ledger.reserve(user_id=made[2].pk, amount=10, ttl=60)
    ledger.settle(hold=hold, charge=70, receipt=Receipt(model="m"))
    ledger.grant(user_id=made[2].pk, amount=50, source=f"{made[2].pk}:debt")
    return made


def calls() -> list[HoldContext | None]:
    """Return how a user may call: without a key, or with one that may spend little, or all."""
    frugal, free = uuid.uuid4(), uuid.uuid4()
    budget = HoldContext(api_key=frugal, key_budget=160)
    return [None, budget, HoldContext(api_key=frugal), HoldContext(api_key=free), budget]


def together(function: str, items: list[Item]) -> list[Answer]:
    answers: list[Answer] = orjson.loads(call(function, as_json(items)))
    return answers


def one_by_one(function: str, items: list[Item]) -> list[Answer]:
    order = sorted(range(len(items)), key=lambda place: (items[place]["user_id"], place))
    answers = {place: together(function, [items[place]])[0] for place in order}
    return [answers[place] for place in range(len(items))]


def books(user: User) -> list[Any]:
    entries = Entry.objects.filter(user=user).values_list("kind", "amount")
    receipts = UsageRecord.objects.filter(user=user, final=True)
    held = Reservation.objects.filter(user=user).values_list("state", "amount")
    said = receipts.values_list("charged", "available_before", "available_after", "cost")
    return [parts(user), sorted(entries), sorted(said), sorted(held)]


def story(call: Any, seed: int) -> tuple[list[list[Answer]], list[list[Any]]]:
    """Reserve and settle for everybody; the same seed gives the same story."""
    dice = random.Random(seed)
    set_clock(SOON - timedelta(days=3))
    users = people()
    keys = {user.pk: calls() for user in users}
    asked = [
        items.to_hold(user.pk, most, dice.choice([1, most]), 60, None, dice.choice(keys[user.pk]))
        for user, most in ((dice.choice(users), dice.randint(1, 150)) for _ in range(40))
    ]
    asked += [items.to_hold(users[6].pk, 150, 150, 60, None, None) for _ in range(3)]
    asked += [asked[3], asked[17] | {"user_id": users[5].pk}, asked[5]]
    answers = [call("tokens_reserve", asked), call("tokens_reserve", asked[:9])]
    set_clock(SOON + timedelta(days=1 if seed % 2 else -1))
    closing = [
        items.to_close(items.held(item, answer), charge, Receipt(model="m"))
        if with_receipt
        else items.to_release(item["id"], item["user_id"])
        for item, answer in zip(asked[:43], answers[0], strict=False)
        if answer and answer["held"]
        for charge in [dice.choice([0, answer["held"], dice.randint(1, 300)])]
        for with_receipt in [dice.choice([False, True])]
    ]
    Reservation.objects.filter(pk__in=[item["id"] for item in closing[::7]]).update(
        expires_at=SOON - timedelta(days=9)
    )
    ledger.expire()
    stranger = closing[0] | {"id": uuid.uuid4()}
    closing += [closing[2], stranger, closing[4] | {"user_id": users[0].pk}, closing[0]]
    answers += [call("tokens_settle", closing), call("tokens_settle", closing[:5])]
    return answers, [books(user) for user in users]


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_leaves_the_same_books_as_its_items(seed: int) -> None:
    in_a_batch = story(together, seed)
    assert verify() == []
    assert in_a_batch == story(one_by_one, seed)


def without_repeats(function: str, items: list[Item]) -> list[Answer]:
    """Send a repeated id with the next batch, so that every batch goes the short way."""
    first = {item["id"]: place for place, item in reversed(list(enumerate(items)))}
    places = sorted(first.values())
    answers = dict(zip(places, together(function, [items[p] for p in places]), strict=True))
    rest = [place for place in range(len(items)) if place not in answers]
    answers |= dict(zip(rest, one_by_one(function, [items[p] for p in rest]), strict=True))
    return [answers[place] for place in range(len(items))]


@pytest.mark.parametrize("seed", range(6))
def test_without_repeated_ids(seed: int) -> None:
    in_a_batch = story(without_repeats, seed)
    assert verify() == []
    assert in_a_batch == story(one_by_one, seed)
