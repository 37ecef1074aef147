"""The running period against its allowance, and where it is heading; the arithmetic of changes."""

from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from billing.pricing.proration import (
    Offer,
    Period,
    is_upgrade,
    price_of_change,
    projection,
    runs_out,
)
from tests.billing.shop import PRO, Shop, subscribe
from tokens import ledger
from tokens.ledger import Receipt
from tokens.models import Balance

START = datetime(2026, 1, 1, tzinfo=UTC)
MONTH = Period(START, START + timedelta(days=30))


def test_usage_is_projected_to_the_periods_end(caller: APIClient, user: User, shop: Shop) -> None:
    subscribe(caller)
    hold = ledger.reserve(user_id=user.pk, amount=3_000_000, ttl=60)
    ledger.settle(hold=hold, charge=3_000_000, receipt=Receipt(model="m"))
    row = Balance.objects.get(user=user)
    row.period_start -= row.period_end - row.period_start  # half of the period is over
    row.save()

    shown = caller.get("/api/subscriptions/usage").json()

    assert (shown["allowance"], shown["used"], shown["used_percent"]) == (PRO, 3_000_000, 60.0)
    assert shown["available"] == PRO - 3_000_000
    assert shown["projected_used"] == pytest.approx(6_000_000, rel=0.02)
    assert row.period_start.isoformat() < shown["runs_out_at"] < shown["period_end"]


def test_usage_is_projected_linearly() -> None:
    day_10 = START + timedelta(days=10)
    assert projection(used=100, period=MONTH, moment=day_10) == 300
    assert projection(used=0, period=MONTH, moment=day_10) == 0
    assert projection(used=7, period=MONTH, moment=START) == 700
    assert projection(used=7, period=MONTH, moment=MONTH.end + timedelta(days=9)) == 7


def test_when_it_runs_out_agrees_with_the_projection() -> None:
    day_10, day_15 = (START + timedelta(days=days) for days in (10, 15))
    assert runs_out(used=100, left=100, period=MONTH, moment=day_10) == day_10 + timedelta(days=10)
    assert runs_out(used=100, left=200, period=MONTH, moment=day_10) is None
    assert runs_out(used=100, left=0, period=MONTH, moment=day_15) == day_15
    assert runs_out(used=0, left=100, period=MONTH, moment=day_10) is None


@pytest.mark.parametrize("left", [0, 1, 50, 692, 693, 10_000])
def test_the_first_request_of_a_period_says_little(left: int) -> None:
    moment = START + timedelta(seconds=1)
    projected = projection(used=7, period=MONTH, moment=moment)

    at = runs_out(used=7, left=left, period=MONTH, moment=moment)

    assert (at is None) == (7 + left >= projected)
    assert at is None or moment <= at < MONTH.end


def offer(plan: str, interval: str) -> Offer:
    position = ["free", "pro", "enterprise"].index(plan)
    amount = [0, 2_000, 20_000][position] * (10 if interval == "year" else 1)
    return Offer(plan, interval, position, amount, {})


@pytest.mark.parametrize(
    ("now", "wanted", "up", "due"),
    [
        (("pro", "month"), ("enterprise", "month"), True, 9_000),
        (("pro", "month"), ("pro", "year"), True, 19_000),
        (("pro", "month"), ("enterprise", "year"), True, 199_000),
        (("pro", "year"), ("enterprise", "month"), True, 10_000),
        (("free", "month"), ("pro", "month"), True, 2_000),
        (("pro", "year"), ("pro", "month"), False, 0),
        (("enterprise", "month"), ("pro", "year"), False, 0),
        (("pro", "month"), ("pro", "month"), False, 0),
    ],
)
def test_a_change_is_classified_and_priced(
    now: tuple[str, str], wanted: tuple[str, str], up: bool, due: int
) -> None:
    a, b = offer(*now), offer(*wanted)
    half = START + timedelta(days=15)

    assert is_upgrade(now=a, wanted=b) is up
    assert price_of_change(now=a, wanted=b, period=MONTH, moment=half) == due
