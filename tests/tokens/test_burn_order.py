"""What burns first, by whatever way a charge comes: what ends soonest."""

import uuid
from datetime import datetime, timedelta

import orjson
import pytest

from accounts.models import User
from tests.tokens.accounts import account
from tests.tokens.clock import set_clock
from tokens import ledger
from tokens.ledger import Correction, Receipt, allowances, items
from tokens.ledger.batching import as_json
from tokens.ledger.functions import call
from tokens.ledger.verify import verify
from tokens.models import Balance, Grant

pytestmark = pytest.mark.django_db

NOW = datetime.fromisoformat("2026-03-10T00:00+00:00")
RECEIPT = Receipt(model="m")
# In the order in which they burn, 100 each: the allowance is the third.
ENDS = {"first": 3, "second": 5, "late": 60, "later": 90, "never": None}
ORDER = ["first", "second", "allowance", "late", "later", "never"]


@pytest.fixture
def ada() -> User:
    """Return somebody with 100 tokens of each kind, given in another order than they burn in."""
    set_clock(NOW)
    user = account(100)
    Balance.objects.filter(user=user).update(
        period_start=NOW - timedelta(days=5), period_end=NOW + timedelta(days=25)
    )
    for name in ("never", "later", "second", "late", "first"):
        days = ENDS[name]
        ends = None if days is None else NOW + timedelta(days=days)
        ledger.grant(user_id=user.pk, amount=100, source=f"{user.pk}:{name}", expires_at=ends)
    return user


def left(user: User) -> dict[str, int]:
    balance = Balance.objects.get(user=user)
    pots = {"allowance": balance.allocated - balance.used}
    for grant in Grant.objects.filter(user=user):
        pots[grant.source.split(":")[1]] = grant.remaining
    return {name: pots[name] for name in ORDER}


def after(amount: int) -> dict[str, int]:
    """Return what is left of each when so much has burned."""
    return {name: min(100, max(0, 100 * (at + 1) - amount)) for at, name in enumerate(ORDER)}


def spend_alone(user: User, amount: int) -> None:
    hold = ledger.reserve(user_id=user.pk, amount=amount, ttl=60)
    ledger.settle(hold=hold, charge=amount, receipt=RECEIPT)


def spend_in_a_batch(user: User, amount: int) -> None:
    parts = [amount // 2, amount - amount // 2]
    holds = [ledger.reserve(user_id=user.pk, amount=part, ttl=60) for part in parts]
    batch = [items.to_close(hold, hold.amount, RECEIPT) for hold in holds]
    answers = orjson.loads(call("tokens_settle", as_json(batch)))
    assert [answer["charged"] for answer in answers] == parts


def spend_by_a_later_report(user: User, amount: int) -> None:
    hold = ledger.reserve(user_id=user.pk, amount=1, ttl=60)
    ledger.settle(hold=hold, charge=0, receipt=Receipt(model="m", final=False))
    correction = Correction(provider="p", upstream_id="u", prompt_tokens=1, completion_tokens=1)
    ledger.adjust(record_id=hold.id, user_id=user.pk, charge=amount, correction=correction)


@pytest.mark.parametrize("amount", [40, 100, 150, 230, 300, 370, 450, 600])
@pytest.mark.parametrize("spend", [spend_alone, spend_in_a_batch, spend_by_a_later_report])
def test_what_ends_soonest_burns_first(ada: User, spend: object, amount: int) -> None:
    assert callable(spend)
    spend(ada, amount)
    assert left(ada) == after(amount)
    assert verify(user_id=ada.pk) == []


@pytest.mark.parametrize("amount", [40, 150, 230, 300, 370, 600])
def test_a_bonus_that_ends_with_the_period_burns_before_the_allowance(
    ada: User, amount: int
) -> None:
    end = Balance.objects.get(user=ada).period_end
    Grant.objects.filter(source=f"{ada.pk}:second").update(expires_at=end)
    spend_alone(ada, amount)
    assert left(ada) == after(amount)


@pytest.mark.parametrize("spent", [40, 150, 230, 370, 450, 600])
@pytest.mark.parametrize("charge", [0, 30, 140])
def test_what_was_charged_too_much_goes_back_to_where_it_burned(
    ada: User, spent: int, charge: int
) -> None:
    hold = ledger.reserve(user_id=ada.pk, amount=spent, ttl=60)
    ledger.settle(hold=hold, charge=spent, receipt=Receipt(model="m", final=False))
    charge = min(charge, spent)
    correction = Correction(provider="p", upstream_id="u", prompt_tokens=1, completion_tokens=1)
    ledger.adjust(record_id=hold.id, user_id=ada.pk, charge=charge, correction=correction)
    assert left(ada) == after(charge)
    assert verify(user_id=ada.pk) == []


@pytest.mark.parametrize("amount", [50, 100, 150, 250, 600])
def test_a_refund_takes_the_allowance_and_then_what_lasts_longest(ada: User, amount: int) -> None:
    assert allowances.take_back(user_id=ada.pk, amount=amount, source=str(uuid.uuid4())) == amount
    order = ["allowance", "never", "later", "late", "second", "first"]
    found = left(ada)
    rest = [min(100, max(0, 100 * (at + 1) - amount)) for at in range(6)]
    assert [found[name] for name in order] == rest
