"""Periods that an invoice pays: they begin once by its id, and wait for the next one."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import User
from tests.tokens.accounts import parts
from tests.tokens.clock import set_clock
from tests.tokens.spending import joined, spend
from tokens import ledger
from tokens.ledger import allowances
from tokens.ledger.verify import verify
from tokens.models import Adjustment, Balance, Tier
from tokens.tasks import reset_allowances
from tokens.tiers import seed_tiers

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def user() -> User:
    """Somebody on Free since 10 January, with 100 tokens. Pro has 500."""
    made = joined("2026-01-10T00:00")
    seed_tiers()
    Tier.objects.filter(name="pro").update(monthly_tokens=500)
    set_clock(START)
    return made


def pay(user: User, source: str, start: datetime = START, renews_by: str = "invoice") -> bool:
    return allowances.renew_period(
        user_id=user.pk, tier="pro", start=start, source=source, renews_by=renews_by
    )


def days(user: User) -> list[str]:
    balance = Balance.objects.get(user=user)
    return [f"{day:%Y-%m-%d}" for day in (balance.period_start, balance.period_end)]


def test_a_paid_invoice_begins_its_period(user: User) -> None:
    spend(user, 30)

    assert pay(user, "in_1") is True

    assert parts(user) == (500, 0, 0, 0, 0)
    assert days(user) == ["2026-01-31", "2026-02-28"]
    balance = ledger.open_account(user.pk)
    assert (balance.tier_id, balance.renews_by) == ("pro", "invoice")
    assert Adjustment.objects.get(source="in_1").amount == 500
    assert verify() == []


def test_the_same_invoice_pays_once(user: User) -> None:
    pay(user, "in_1")
    spend(user, 40)

    assert pay(user, "in_1") is False
    assert pay(user, "in_1", START + timedelta(days=28)) is False
    assert parts(user) == (500, 40, 0, 0, 0)


def test_without_an_invoice_nothing_new_comes_and_nothing_goes(user: User) -> None:
    pay(user, "in_1")
    spend(user, 40)

    set_clock("2026-03-09T00:00")

    assert reset_allowances() == 0
    assert ledger.open_account(user.pk).available == 460
    assert pay(user, "in_2", datetime(2026, 2, 28, 12, tzinfo=UTC)) is True
    assert ledger.open_account(user.pk).available == 500


def test_events_in_the_wrong_order_end_in_the_same_state(user: User) -> None:
    later = datetime(2026, 2, 28, 12, tzinfo=UTC)
    set_clock(later)

    assert pay(user, "in_2", later) is True
    assert pay(user, "in_1", START) is False
    assert (parts(user), days(user)[0]) == ((500, 0, 0, 0, 0), "2026-02-28")


def test_an_invoice_that_comes_after_the_free_period_began_anew_still_counts(user: User) -> None:
    set_clock("2026-02-11T00:00")
    reset_allowances()

    assert pay(user, "in_1") is True
    assert (parts(user), days(user)[0]) == ((500, 0, 0, 0, 0), "2026-01-31")


def test_a_plan_paid_for_a_year_renews_monthly_by_itself(user: User) -> None:
    pay(user, "in_1", renews_by="schedule")

    seen = []
    for now in ("2026-02-28T12:00", "2026-03-31T12:00", "2026-04-30T12:00"):
        spend(user, 30)
        set_clock(now)
        reset_allowances()
        seen += days(user)[:1]

    assert seen == ["2026-02-28", "2026-03-31", "2026-04-30"]
    assert parts(user) == (500, 0, 0, 0, 0)
    assert verify() == []


def test_a_plan_paid_for_a_year_months_ago_runs_in_this_month_at_once(user: User) -> None:
    assert pay(user, "in_1", START.replace(month=1, year=2025), renews_by="schedule") is True

    assert parts(user) == (500, 0, 0, 0, 0)
    assert days(user) == ["2026-01-31", "2026-02-28"]
    assert verify() == []


def test_the_next_years_invoice_does_not_pay_a_month_twice(user: User) -> None:
    pay(user, "in_1", renews_by="schedule")
    set_clock("2027-01-31T12:00")
    reset_allowances()
    spend(user, 30)

    assert pay(user, "in_2", START.replace(year=2027), renews_by="schedule") is False
    assert parts(user) == (500, 30, 0, 0, 0)
    assert Adjustment.objects.get(source="in_2").amount == 0
    assert verify() == []


def test_who_pays_for_a_running_period_waits_for_the_next_invoice_and_others_do_not(
    user: User,
) -> None:
    pay(user, "in_1", renews_by="schedule")
    other = joined("2026-01-10T00:00")
    set_clock(START)

    assert pay(user, "in_2") is False

    balances = {one: Balance.objects.get(user=one) for one in (user, other)}
    assert (balances[user].renews_by, balances[user].due_at) == ("invoice", None)
    assert balances[other].renews_by == "schedule"
    assert balances[other].due_at == balances[other].period_end


def test_an_earlier_invoice_of_another_plan_changes_nothing(user: User) -> None:
    later = datetime(2026, 2, 28, 12, tzinfo=UTC)
    Tier.objects.create(name="max", title="Max", monthly_tokens=900)
    set_clock(later)
    pay(user, "in_2", later)
    spend(user, 40)

    began = allowances.renew_period(user_id=user.pk, tier="max", start=START, source="in_1")

    assert began is False
    assert (parts(user), days(user)[0]) == ((500, 40, 0, 0, 0), "2026-02-28")
    assert ledger.open_account(user.pk).tier_id == "pro"
    assert verify() == []


def test_who_falls_back_to_free_after_the_period_gets_free_tokens(user: User) -> None:
    pay(user, "in_1")
    spend(user, 40)
    set_clock("2026-03-03T00:00")

    given = allowances.change_tier(
        user_id=user.pk, tier="free", source="sub_1:ended", renews_by="schedule"
    )

    assert given == 0
    assert parts(user) == (100, 0, 0, 0, 0)
    assert days(user) == ["2026-02-28", "2026-03-31"]
    assert verify() == []


def test_a_period_must_run_forward(user: User) -> None:
    with pytest.raises(ValueError, match="end"):
        allowances.renew_period(user_id=user.pk, tier="pro", start=START, end=START, source="in_1")


def test_unknown_tiers_and_users_are_refused(user: User) -> None:
    with pytest.raises(Tier.DoesNotExist):
        allowances.renew_period(user_id=user.pk, tier="gold", start=START, source="in_1")
    with pytest.raises(User.DoesNotExist):
        allowances.renew_period(user_id=0, tier="pro", start=START, source="in_1")
