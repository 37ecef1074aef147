"""Each function of the ledger that changes a balance brings it up to date first, if it is due."""

from datetime import datetime

import pytest

from accounts.models import User
from tests.tokens.accounts import parts
from tests.tokens.clock import set_clock
from tests.tokens.spending import joined, spend
from tokens import ledger
from tokens.ledger import Correction, Receipt, items
from tokens.ledger.batching import as_json
from tokens.ledger.functions import call
from tokens.ledger.verify import verify
from tokens.models import Tier, UsageRecord
from tokens.tiers import seed_tiers

pytestmark = pytest.mark.django_db

EXPIRED = datetime.fromisoformat("2026-01-20T00:00+00:00")


@pytest.fixture
def user() -> User:
    """Somebody who has spent 30 of 100 in the period before, and has a bonus that has expired."""
    made = joined("2026-01-10T00:00")
    seed_tiers()
    Tier.objects.filter(name="pro").update(monthly_tokens=500)
    spend(made, 30)
    ledger.grant(user_id=made.pk, amount=50, source="pack", expires_at=EXPIRED)
    set_clock("2026-02-24T00:00")
    return made


def test_a_grant(user: User) -> None:
    assert call("tokens_grant", user.pk, "bonus", 7, "gift", "", None) is True
    assert parts(user) == (100, 0, 7, 0, 0)
    assert verify() == []


def test_another_plan(user: User) -> None:
    assert call("tokens_change_tier", user.pk, "pro", None, "staff:1", "") == 200
    assert parts(user) == (300, 0, 0, 0, 0)
    assert verify() == []


def test_a_refund(user: User) -> None:
    assert call("tokens_take_back", user.pk, 80, "re_1", "") == 80
    assert parts(user) == (20, 0, 0, 0, 0)
    assert verify() == []


def test_a_refund_of_a_bonus(user: User) -> None:
    assert call("tokens_take_back_grant", user.pk, "pack", 50, "re_1", "") == 0
    assert parts(user) == (100, 0, 0, 0, 0)
    assert verify() == []


def test_a_later_report(user: User) -> None:
    set_clock("2026-01-25T00:00")
    hold = ledger.reserve(user_id=user.pk, amount=20, ttl=60)
    ledger.settle(hold=hold, charge=20, receipt=Receipt(model="m", final=False))
    set_clock("2026-02-24T00:00")
    correction = Correction(provider="p", upstream_id="u", prompt_tokens=1, completion_tokens=1)

    call("tokens_adjust", as_json([items.to_adjust(hold.id, user.pk, 5, correction)]))

    assert UsageRecord.objects.get(pk=hold.id).charged == 5
    assert parts(user) == (100, 0, 15, 0, 0)
    assert verify() == []


def test_a_paid_period(user: User) -> None:
    """What has expired pays a debt, and not the new allowance."""
    set_clock("2026-01-12T00:00")
    spend(user, 70)  # 50 of the bonus
    spend(user, 50)  # the allowance
    ledger.grant(user_id=user.pk, amount=50, source="other", expires_at=EXPIRED)
    hold = ledger.reserve(user_id=user.pk, amount=10, ttl=60)
    ledger.reserve(user_id=user.pk, amount=40, ttl=60)
    ledger.settle(hold=hold, charge=40, receipt=Receipt(model="m"))
    assert parts(user) == (100, 100, 40, 40, 30)
    set_clock("2026-01-25T00:00")

    starts, ends = EXPIRED.replace(day=25), EXPIRED.replace(month=2, day=25)
    assert call("tokens_renew_period", user.pk, "pro", starts, ends, "invoice", "in_1") is True

    assert parts(user) == (500, 0, 0, 40, 0)
    assert verify() == []
