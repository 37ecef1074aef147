"""Another plan within the period: the difference of the allowances for the rest of it."""

import pytest

from accounts.models import User
from tests.tokens.accounts import parts
from tests.tokens.clock import set_clock
from tests.tokens.parallel import in_parallel
from tests.tokens.spending import RECEIPT, joined, spend
from tokens import ledger
from tokens.ledger import allowances
from tokens.ledger.verify import verify
from tokens.models import Adjustment, Entry, Tier
from tokens.tiers import seed_tiers

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    """Somebody in the middle of a month (15 of 30 days) on Free: 100 tokens; Pro has 500."""
    made = joined("2026-04-10T00:00")
    seed_tiers()
    Tier.objects.filter(name="pro").update(monthly_tokens=500)
    set_clock("2026-04-25T00:00")
    return made


def put(user: User, tier: str, source: str) -> int:
    return allowances.change_tier(user_id=user.pk, tier=tier, source=source)


def test_an_upgrade_adds_the_difference_of_the_allowances(user: User) -> None:
    spend(user, 30)

    assert put(user, "pro", "staff:1") == 200
    assert parts(user) == (300, 30, 0, 0, 0)
    assert ledger.open_account(user.pk).tier_id == "pro"
    adjustment = Adjustment.objects.get(source="staff:1")
    assert (adjustment.kind, adjustment.tier_id, adjustment.amount) == ("tier", "pro", 200)
    assert verify() == []


def test_the_same_source_changes_once_even_after_another(user: User) -> None:
    put(user, "pro", "staff:1")
    put(user, "free", "staff:2")

    assert put(user, "pro", "staff:1") == 200
    assert ledger.open_account(user.pk).tier_id == "free"
    assert parts(user) == (100, 0, 0, 0, 0)


def test_down_and_up_again_gains_nothing(user: User) -> None:
    changes = [put(user, tier, f"staff:{n}") for n, tier in enumerate(["pro", "free", "pro"])]

    assert changes == [200, -200, 200]


@pytest.mark.parametrize(("spent", "taken"), [(0, 200), (150, 150), (300, 0)])
def test_down_takes_only_what_is_unspent(user: User, spent: int, taken: int) -> None:
    put(user, "pro", "staff:1")
    if spent:
        spend(user, spent)

    assert put(user, "free", "staff:2") == -taken
    assert parts(user) == (300 - taken, spent, 0, 0, 0)
    assert verify() == []


def test_down_takes_neither_what_is_held_nor_bonus(user: User) -> None:
    put(user, "pro", "staff:1")
    ledger.grant(user_id=user.pk, amount=50, source="gift")
    hold = ledger.reserve(user_id=user.pk, amount=340, ttl=60)

    assert put(user, "free", "staff:2") == -10
    assert ledger.open_account(user.pk).available == 0
    assert ledger.settle(hold=hold, charge=340, receipt=RECEIPT).available == 0
    assert verify() == []


def test_down_takes_no_bonus_of_who_has_spent(user: User) -> None:
    put(user, "pro", "staff:1")
    spend(user, 250)
    ledger.grant(user_id=user.pk, amount=50, source="gift")

    assert put(user, "free", "staff:2") == -50
    assert parts(user) == (250, 250, 50, 0, 0)
    assert verify() == []


def test_down_takes_nothing_that_is_held_of_who_has_spent(user: User) -> None:
    put(user, "pro", "staff:1")
    spend(user, 20)
    ledger.grant(user_id=user.pk, amount=50, source="gift")
    ledger.reserve(user_id=user.pk, amount=300, ttl=60)

    assert put(user, "free", "staff:2") == -30
    assert parts(user) == (270, 20, 50, 300, 0)
    assert verify() == []


def test_up_pays_debts_first(user: User) -> None:
    ledger.settle(
        hold=ledger.reserve(user_id=user.pk, amount=10, ttl=60), charge=150, receipt=RECEIPT
    )

    assert put(user, "pro", "staff:1") == 200
    assert ledger.open_account(user.pk).available == 150
    assert parts(user)[4] == 0


def test_who_was_away_for_months_starts_from_the_running_period(user: User) -> None:
    set_clock("2026-08-25T12:00")

    put(user, "pro", "staff:1")

    assert parts(user)[0] == 100 + 400 * 15.5 / 31


@pytest.mark.django_db(transaction=True)
def test_at_once_it_changes_once() -> None:
    user = User.objects.create_user("at-once@example.com")
    seed_tiers()
    ledger.open_account(user.pk)

    given = in_parallel(lambda _: put(user, "pro", "sub_1:pro"), 16)

    assert len(set(given)) == 1
    assert given[0] > 0
    assert Entry.objects.filter(kind="adjustment").count() == 1
    assert verify() == []
