"""Bonus ends when it says: unspendable from that moment, whether or not it was swept."""

from datetime import datetime, timedelta

import pytest

from accounts.models import User
from tests.tokens.accounts import parts
from tests.tokens.clock import set_clock
from tests.tokens.spending import RECEIPT, entries, joined
from tokens import ledger
from tokens.errors import InsufficientTokens
from tokens.ledger import Correction, Receipt
from tokens.ledger.verify import verify
from tokens.models import Grant
from tokens.tasks import reset_allowances

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    """Somebody with an allowance of 100, and 50 more until 20 January."""
    made = joined("2026-01-10T00:00")
    ends = datetime.fromisoformat("2026-01-20T00:00+00:00")
    ledger.grant(user_id=made.pk, amount=50, source="gift", expires_at=ends)
    set_clock(ends - timedelta(microseconds=1))
    return made


def later() -> None:
    set_clock("2026-01-20T00:00")


def test_an_expired_bonus_is_removed_once(user: User) -> None:
    assert (reset_allowances(), parts(user)) == (0, (100, 0, 50, 0, 0))

    later()

    assert [reset_allowances(), reset_allowances()] == [1, 0]
    assert parts(user) == (100, 0, 0, 0, 0)
    assert Grant.objects.get().remaining == 0
    assert entries(user)[-1] == ("expiry", -50)
    assert verify() == []


def test_it_cannot_be_held_before_the_sweep(user: User) -> None:
    later()

    with pytest.raises(InsufficientTokens) as refused:
        ledger.reserve(user_id=user.pk, amount=101, ttl=60)
    assert refused.value.facts["available"] == 100


def test_it_is_not_shown_before_the_sweep(user: User) -> None:
    later()

    assert ledger.open_account(user.pk).available == 100


def test_a_late_charge_does_not_burn_it(user: User) -> None:
    hold = ledger.reserve(user_id=user.pk, amount=40, ttl=60)
    later()

    ledger.settle(hold=hold, charge=40, receipt=RECEIPT)

    assert parts(user) == (100, 40, 0, 0, 0)
    assert verify() == []


@pytest.mark.parametrize("now", ["2026-01-20T00:00", "2026-01-25T00:00"])
def test_what_is_given_back_after_it_ended_can_still_be_spent(user: User, now: str) -> None:
    hold = ledger.reserve(user_id=user.pk, amount=50, ttl=60)
    ledger.settle(hold=hold, charge=50, receipt=Receipt(model="m", final=False))
    set_clock(now)

    correction = Correction(provider="p", upstream_id="u", prompt_tokens=1, completion_tokens=1)
    ledger.adjust(record_id=hold.id, user_id=user.pk, charge=20, correction=correction)

    assert ledger.open_account(user.pk).available == 130
    assert Grant.objects.get(source="gift").remaining == 0
    assert parts(user) == (100, 0, 30, 0, 0)
    assert verify() == []


def test_what_a_hold_needs_of_it_stays_for_the_hold_alone(user: User) -> None:
    hold = ledger.reserve(user_id=user.pk, amount=130, ttl=60)
    later()
    reset_allowances()

    assert parts(user) == (130, 0, 0, 130, 0)  # 20 expired at once, 30 lapse with the hold
    assert ledger.open_account(user.pk).available == 0
    assert ledger.settle(hold=hold, charge=10, receipt=RECEIPT).available == 100
    assert [entry for entry in entries(user) if entry[0] == "expiry"] == [
        ("expiry", -20),
        ("expiry", -20),
    ]
    assert verify() == []


def test_a_bonus_that_was_over_when_it_came_is_never_spendable(user: User) -> None:
    later()
    past = datetime.fromisoformat("2026-01-19T00:00+00:00")

    ledger.grant(user_id=user.pk, amount=70, source="late", expires_at=past)

    assert ledger.open_account(user.pk).available == 100
    assert verify() == []
