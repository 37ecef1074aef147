"""Giving tokens, and which of them burn first."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from tests.tokens.accounts import account, parts
from tests.tokens.spending import burn
from tokens import ledger
from tokens.ledger.verify import verify
from tokens.models import Balance, Entry, Grant, Tier

pytestmark = pytest.mark.django_db


def test_a_grant_adds_bonus_tokens() -> None:
    user = account(0)

    assert ledger.grant(user_id=user.pk, amount=50, source="gift") is True
    assert parts(user) == (0, 0, 50, 0, 0)
    assert verify() == []


def test_the_same_source_gives_once() -> None:
    user = account(0)
    ledger.grant(user_id=user.pk, amount=50, source="invoice-1")

    assert ledger.grant(user_id=user.pk, amount=50, source="invoice-1") is False
    assert parts(user) == (0, 0, 50, 0, 0)


def test_the_soonest_to_expire_burns_first() -> None:
    user = account(100)
    end = Balance.objects.get(user=user).period_end
    for source, expires_at in (
        ("never", None),
        ("after", end + timedelta(days=9)),
        ("before", end - timedelta(hours=1)),
    ):
        ledger.grant(user_id=user.pk, amount=10, source=source, expires_at=expires_at)

    left = []
    for step in (10, 100, 10, 10):
        burn(user.pk, step)
        left.append([*Grant.objects.order_by("source").values_list("remaining", flat=True)])

    assert left == [[10, 0, 10], [10, 0, 10], [0, 0, 10], [0, 0, 0]]
    assert parts(user) == (100, 100, 0, 0, 0)
    assert verify() == []


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_and_less_are_refused(amount: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        ledger.grant(user_id=1, amount=amount, source="gift")


@pytest.mark.parametrize(
    "change", ["UPDATE tokens_entry SET amount = 1", "DELETE FROM tokens_entry"]
)
def test_the_books_cannot_be_changed(change: str) -> None:
    account(100)

    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        connection.cursor().execute(change)
    assert Entry.objects.count() == 1


@pytest.mark.parametrize(
    "broken",
    ["used = allocated + 1", "reserved = allocated + 1", "bonus = -1", "overdrawn = -1"],
)
def test_the_database_refuses_an_impossible_balance(broken: str) -> None:
    account(100)

    with pytest.raises(IntegrityError), transaction.atomic():
        connection.cursor().execute(f"UPDATE tokens_balance SET {broken}")


def test_a_new_account_starts_with_the_tokens_of_its_tier() -> None:
    user = account(0)
    Balance.objects.filter(user=user).delete()
    Tier.objects.update(monthly_tokens=777)

    balance = ledger.open_account(user.pk)

    assert (balance.allocated, balance.tier_id) == (777, "free")
    assert balance.period_start <= timezone.now() < balance.period_end
