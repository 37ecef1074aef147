"""What a change of the plan costs at once, and when the tokens of a period run out."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.pricing.proration import (
    LIMITS,
    Offer,
    Period,
    difference,
    is_upgrade,
    price_of_change,
    projection,
    runs_out,
)

START = datetime(2026, 4, 1, tzinfo=UTC)
APRIL = Period(START, START + timedelta(days=30))


def offer(position: int, amount: int, interval: str = "month") -> Offer:
    limits = {name: 1000 * position + place for place, name in enumerate(LIMITS)}
    return Offer(f"plan {position}", interval, position, amount, limits)


PRO, TEAM = offer(1, 2_000), offer(2, 9_000)
PRO_YEARLY, TEAM_YEARLY = offer(1, 20_000, "year"), offer(2, 90_000, "year")


@pytest.mark.parametrize(
    ("day", "rest"), [(-5, 1.0), (0, 1.0), (6, 0.8), (15, 0.5), (30, 0.0), (31, 0.0)]
)
def test_the_rest_of_a_period_is_a_share_of_it(day: int, rest: float) -> None:
    assert APRIL.rest(START + timedelta(days=day)) == pytest.approx(rest)


def test_a_period_of_a_second_has_a_rest_and_an_empty_one_has_none() -> None:
    second = Period(START, START + timedelta(seconds=1))

    assert second.rest(START + timedelta(seconds=0.25)) == 0.75
    assert Period(START, START).rest(START) == 0.0
    assert Period(START, START - timedelta(days=1)).rest(START - timedelta(days=2)) == 0.0


@pytest.mark.parametrize(
    ("now", "wanted", "expected"),
    [
        (PRO, TEAM, True),
        (TEAM, PRO, False),
        (PRO_YEARLY, TEAM, True),
        (TEAM, PRO_YEARLY, False),
        (PRO, PRO_YEARLY, True),
        (PRO_YEARLY, PRO, False),
        (PRO, PRO, False),
        (PRO_YEARLY, PRO_YEARLY, False),
    ],
)
def test_a_higher_plan_or_a_longer_interval_is_an_upgrade(
    now: Offer, wanted: Offer, expected: bool
) -> None:
    assert is_upgrade(now=now, wanted=wanted) is expected


def test_the_difference_names_the_price_and_every_limit() -> None:
    expected = {"price": 7_000, **dict.fromkeys(LIMITS, 1000)}

    assert difference(base=PRO, other=TEAM) == expected
    assert difference(base=TEAM, other=PRO) == {name: -more for name, more in expected.items()}


@pytest.mark.parametrize(
    ("now", "wanted", "day", "cents"),
    [
        (PRO, TEAM, 0, 7_000),
        (PRO, TEAM, 15, 3_500),
        (PRO, TEAM, 30, 0),
        # Another interval begins a period of its own, and what is left of the former is credited.
        (PRO, PRO_YEARLY, 15, 19_000),
        (PRO, TEAM_YEARLY, 30, 90_000),
        (PRO_YEARLY, TEAM, 15, 0),
        # From a plan that costs nothing, a whole period begins.
        (offer(0, 0), PRO, 15, 2_000),
        # A higher plan that costs less: Stripe's credit stays with the customer.
        (PRO, offer(2, 1_000), 15, 0),
        # What comes later costs nothing now.
        (TEAM, PRO, 15, 0),
        (PRO_YEARLY, PRO, 15, 0),
    ],
)
def test_a_change_costs_the_rest_of_the_period(
    now: Offer, wanted: Offer, day: int, cents: int
) -> None:
    moment = START + timedelta(days=day)

    assert price_of_change(now=now, wanted=wanted, period=APRIL, moment=moment) == cents


def test_charge_and_credit_are_each_rounded_to_cents() -> None:
    moment = START + timedelta(days=10)  # two thirds are left

    cents = price_of_change(now=offer(1, 100), wanted=offer(2, 200), period=APRIL, moment=moment)

    assert cents == round(133.33) - round(66.67)


def test_after_a_trial_a_whole_period_is_charged_if_it_is_an_upgrade() -> None:
    moment = START + timedelta(days=15)

    for now, wanted, cents in ((PRO, TEAM, 9_000), (TEAM, PRO, 0)):
        cost = price_of_change(now=now, wanted=wanted, period=APRIL, moment=moment, trial=True)
        assert cost == cents


@pytest.mark.parametrize(
    ("day", "used", "projected"),
    [(15, 500, 1000), (30, 500, 500), (10, 100, 300), (15, 0, 0)],
)
def test_usage_goes_on_at_its_pace(day: int, used: int, projected: int) -> None:
    moment = START + timedelta(days=day)

    assert projection(used=used, period=APRIL, moment=moment) == projected


def test_the_first_hundredth_of_a_period_says_nothing_about_the_rest() -> None:
    assert projection(used=5, period=APRIL, moment=START) == 500


def test_the_tokens_run_out_when_the_pace_has_used_what_is_left() -> None:
    moment = START + timedelta(days=15)

    found = runs_out(used=500, left=100, period=APRIL, moment=moment)

    assert found == moment + timedelta(days=3)


@pytest.mark.parametrize("left", [500, 501, 10_000])
def test_what_lasts_for_the_period_does_not_run_out(left: int) -> None:
    moment = START + timedelta(days=15)

    assert runs_out(used=500, left=left, period=APRIL, moment=moment) is None


@pytest.mark.parametrize("left", [0, -50])
def test_what_is_used_up_has_run_out_now(left: int) -> None:
    moment = START + timedelta(days=15)

    assert runs_out(used=500, left=left, period=APRIL, moment=moment) == moment
