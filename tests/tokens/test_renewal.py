"""Allowances begin anew each month, on the user's own anniversary, once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User
from tests.factories import UserFactory
from tests.tokens.accounts import parts
from tests.tokens.clock import set_clock
from tests.tokens.parallel import in_parallel
from tests.tokens.spending import RECEIPT, entries, joined, spend
from tokens import ledger
from tokens.errors import InsufficientTokens
from tokens.ledger import allowances
from tokens.ledger.functions import call
from tokens.ledger.verify import verify
from tokens.models import Balance, Entry, Tier
from tokens.periods import period_at
from tokens.tasks import reset_allowances
from tokens.tiers import default_tier

pytestmark = pytest.mark.django_db


def period(user: User) -> list[str]:
    balance = Balance.objects.get(user=user)
    return [f"{day:%Y-%m-%dT%H:%M}" for day in (balance.period_start, balance.period_end)]


def test_an_allowance_renews_once_on_the_anniversary() -> None:
    user = joined("2026-01-31T10:00")
    spend(user, 30)

    set_clock("2026-02-28T10:00")

    assert [reset_allowances(), reset_allowances()] == [1, 0]
    assert parts(user) == (100, 0, 0, 0, 0)
    assert period(user) == ["2026-02-28T10:00", "2026-03-31T10:00"]
    assert entries(user) == [
        ("allowance", 100),
        ("usage", -30),
        ("allowance", 100),
        ("expiry", -70),
    ]
    assert Entry.objects.filter(source=f"period:{user.pk}:2026-02-28").count() == 1
    assert verify() == []


def test_not_a_moment_too_soon() -> None:
    user = joined("2026-01-31T10:00")
    spend(user, 30)

    set_clock("2026-02-28T09:59:59.999999")

    assert reset_allowances() == 0
    assert ledger.open_account(user.pk).available == 70


@pytest.mark.parametrize(
    ("came", "now", "start", "end"),
    [
        ("2028-01-31T00:00", "2028-02-29T00:00", "2028-02-29T00:00", "2028-03-31T00:00"),
        ("2028-01-31T00:00", "2028-03-30T00:00", "2028-02-29T00:00", "2028-03-31T00:00"),
        ("2024-02-29T00:00", "2025-02-28T00:00", "2025-02-28T00:00", "2025-03-29T00:00"),
        ("2026-12-31T23:59", "2027-02-28T23:59", "2027-02-28T23:59", "2027-03-31T23:59"),
        # Still the 31st in UTC where the user lives in Auckland or Los Angeles:
        ("2027-01-01T12:30+13:00", "2027-02-01T00:00", "2027-01-31T23:30", "2027-02-28T23:30"),
        ("2026-12-31T18:30-08:00", "2027-02-01T02:30", "2027-02-01T02:30", "2027-03-01T02:30"),
    ],
)
def test_month_ends_leap_years_and_time_zones(came: str, now: str, start: str, end: str) -> None:
    user = joined(came)

    set_clock(now)
    reset_allowances()

    assert period(user) == [start, end]


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    anchor=st.floats(0, 4e9),
    moment=st.floats(0, 4e9),
    zone=st.sampled_from(["UTC", "Pacific/Auckland", "America/Los_Angeles"]),
)
def test_the_database_counts_months_as_python_does(anchor: float, moment: float, zone: str) -> None:
    days = [datetime.fromtimestamp(second, UTC) for second in (anchor, moment)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('TimeZone', %s, true)", [zone])
        cursor.execute(
            "SELECT extract(epoch FROM starts), extract(epoch FROM ends)"
            " FROM tokens_period(%s, %s)",
            days,
        )
        found = [round(second * 1_000_000) for second in cursor.fetchone()]
        cursor.execute("SELECT set_config('TimeZone', 'UTC', true)")

    epoch = datetime.fromtimestamp(0, UTC)
    counted = period_at(*days)
    assert found == [(day - epoch) // timedelta(microseconds=1) for day in counted]


@pytest.mark.parametrize("now", ["2026-03-05T00:00", "2027-02-20T00:00"])
def test_after_an_outage_there_is_one_allowance(now: str) -> None:
    user = joined("2026-01-10T00:00")
    spend(user, 30)

    set_clock(now)
    reset_allowances()

    assert parts(user) == (100, 0, 0, 0, 0)
    assert [amount for kind, amount in entries(user) if kind == "allowance"] == [100, 100]
    assert verify() == []


def test_nobody_waits_for_the_sweep() -> None:
    user = joined("2026-01-10T00:00")
    spend(user, 100)
    with pytest.raises(InsufficientTokens):
        spend(user, 1)

    set_clock("2026-02-10T00:00")
    spend(user, 40)

    assert parts(user) == (100, 40, 0, 0, 0)
    set_clock("2026-03-10T00:00")
    assert ledger.open_account(user.pk).available == 100
    assert reset_allowances() == 0
    assert verify() == []


@pytest.mark.parametrize(
    ("now", "available"),
    [("2026-02-10T00:00", 170), ("2026-03-10T00:00", 200), ("2027-08-10T00:00", 200)],
)
def test_what_carries_over_is_one_allowance_at_most(now: str, available: int) -> None:
    user = joined("2026-01-10T00:00", carries_over=True)
    spend(user, 30)

    set_clock(now)
    reset_allowances()
    assert ledger.open_account(user.pk).available == available

    set_clock(datetime.fromisoformat(now).replace(tzinfo=UTC) + timedelta(days=31))
    assert ledger.open_account(user.pk).available == 200
    assert verify() == []


def test_a_request_that_runs_across_the_reset_is_charged_to_the_new_period() -> None:
    user = joined("2026-01-10T00:00")
    hold = ledger.reserve(user_id=user.pk, amount=60, ttl=60)

    set_clock("2026-02-10T00:00")
    reset_allowances()

    assert parts(user) == (100, 0, 0, 60, 0)
    settled = ledger.settle(hold=hold, charge=45, receipt=RECEIPT)
    assert (settled.charged, settled.available) == (45, 55)
    assert parts(user) == (100, 45, 0, 0, 0)
    assert verify() == []


@pytest.mark.parametrize(
    ("charge", "after"),
    [(60, (60, 60, 0, 0, 0)), (45, (60, 45, 0, 0, 0)), (0, (20, 0, 0, 0, 0))],
)
def test_what_a_smaller_allowance_cannot_cover_stays_for_the_hold_alone(
    charge: int, after: tuple[int, ...]
) -> None:
    user = joined("2026-01-10T00:00")
    hold = ledger.reserve(user_id=user.pk, amount=60, ttl=60)
    Tier.objects.filter(name="free").update(monthly_tokens=20)

    set_clock("2026-02-10T00:00")
    reset_allowances()

    assert parts(user) == (60, 0, 0, 60, 0)  # 20 are new, 40 lapse with the hold
    with pytest.raises(InsufficientTokens):
        ledger.reserve(user_id=user.pk, amount=1, ttl=60)
    settled = ledger.settle(hold=hold, charge=charge, receipt=RECEIPT)
    assert parts(user) == after
    assert settled.available == after[0] - after[1]
    assert verify() == []


def test_holds_that_expire_let_go_of_what_lapsed() -> None:
    user = joined("2026-01-10T00:00")
    ledger.reserve(user_id=user.pk, amount=60, ttl=-1)
    Tier.objects.filter(name="free").update(monthly_tokens=20)
    set_clock("2026-02-10T00:00")
    reset_allowances()

    ledger.expire()

    assert parts(user) == (20, 0, 0, 0, 0)
    assert verify() == []


def shrunk(*holds: int) -> tuple[User, list[ledger.Hold]]:
    """Create a user whose new allowance of 20 does not cover what their requests hold."""
    user = joined("2026-01-10T00:00")
    held = [ledger.reserve(user_id=user.pk, amount=amount, ttl=60) for amount in holds]
    Tier.objects.filter(name="free").update(monthly_tokens=20)
    set_clock("2026-02-10T00:00")
    reset_allowances()
    return user, held


def test_what_lapses_pays_debts_before_it_goes() -> None:
    user, (long, other) = shrunk(60, 40)

    ledger.settle(hold=long, charge=90, receipt=RECEIPT)
    assert parts(user) == (100, 60, 0, 40, 30)
    assert ledger.release(hold=other).available == 20
    assert parts(user) == (100, 80, 0, 0, 10)
    assert verify() == []


def test_what_lapses_burns_before_the_new_allowance_and_bonus() -> None:
    user = joined("2026-01-10T00:00")
    ledger.grant(user_id=user.pk, amount=50, source="gift")
    hold = ledger.reserve(user_id=user.pk, amount=150, ttl=60)
    Tier.objects.filter(name="free").update(monthly_tokens=20)
    set_clock("2026-02-10T00:00")
    reset_allowances()
    assert parts(user) == (100, 0, 50, 150, 0)  # 80 lapse with the hold

    assert ledger.settle(hold=hold, charge=120, receipt=RECEIPT).available == 30

    assert parts(user) == (100, 100, 30, 0, 0)
    assert verify() == []


def test_what_lapses_goes_when_a_larger_plan_covers_the_hold() -> None:
    user, _ = shrunk(60)
    Tier.objects.create(name="large", title="Large", monthly_tokens=500)

    allowances.change_tier(user_id=user.pk, tier="large", source="staff:1")

    assert parts(user) == (500, 0, 0, 60, 0)
    assert verify() == []


def test_debts_are_paid_from_what_would_expire_first() -> None:
    user = joined("2026-01-10T00:00")
    hold = ledger.reserve(user_id=user.pk, amount=10, ttl=60)
    other = ledger.reserve(user_id=user.pk, amount=80, ttl=60)
    ledger.settle(hold=hold, charge=50, receipt=RECEIPT)  # 30 overdrawn: 80 are held
    ledger.release(hold=other)

    set_clock("2026-02-10T00:00")
    reset_allowances()

    assert parts(user) == (100, 0, 0, 0, 0)
    assert verify() == []


def test_debts_are_paid_beside_a_hold_that_the_new_allowance_does_not_cover() -> None:
    user = joined("2026-01-10T00:00")
    hold = ledger.reserve(user_id=user.pk, amount=10, ttl=60)
    ledger.reserve(user_id=user.pk, amount=80, ttl=60)
    ledger.settle(hold=hold, charge=50, receipt=RECEIPT)  # 30 overdrawn: 80 are held
    Tier.objects.filter(name="free").update(monthly_tokens=50)

    set_clock("2026-02-10T00:00")
    reset_allowances()

    assert parts(user) == (80, 0, 0, 80, 0)  # of 80 that were left, 30 are paid and 20 expire
    assert verify() == []


def test_suspended_users_wait_until_they_are_back() -> None:
    user = joined("2026-01-10T00:00")
    User.objects.filter(pk=user.pk).update(is_active=False)

    set_clock("2026-02-10T00:00")

    assert reset_allowances() == 0
    User.objects.filter(pk=user.pk).update(is_active=True)
    assert reset_allowances() == 1


def test_the_command_renews_and_its_dry_run_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    user = joined("2026-01-10T00:00")
    spend(user, 30)
    set_clock("2026-02-10T00:00")

    call_command("reset_allowances", "--dry-run")
    assert parts(user)[1] == 30
    call_command("reset_allowances")
    assert parts(user)[1] == 0
    assert capsys.readouterr().out.split("\n")[:2] == [
        "1 balances are due",
        "1 balances brought up to date",
    ]


@pytest.mark.django_db(transaction=True)
def test_at_once_by_the_sweep_and_by_requests_it_renews_once() -> None:
    default_tier()
    Tier.objects.filter(name="free").update(monthly_tokens=100)
    users = [UserFactory.create(date_joined=timezone.now() - timedelta(days=99)) for _ in "1234"]
    for user in users:
        ledger.open_account(user.pk)
    now = timezone.now()
    Balance.objects.update(
        period_start=now - timedelta(days=60), period_end=now, due_at=now, anchor=now
    )

    def one(number: int) -> int:
        user = users[number // 2 % 4]
        if number % 2:
            return allowances.roll_due()
        return ledger.reserve(user_id=user.pk, amount=1, ttl=60).amount

    rolled = in_parallel(one, 32)

    assert sum(rolled[1::2]) <= 4
    assert rolled[0::2] == [1] * 16
    assert [parts(user) for user in users] == [(100, 0, 0, 4, 0)] * 4
    assert Entry.objects.filter(kind="allowance").count() == 8
    assert verify() == []


def test_the_clock_is_the_databases() -> None:
    assert abs(call("tokens_now") - timezone.now()) < timedelta(minutes=1)
