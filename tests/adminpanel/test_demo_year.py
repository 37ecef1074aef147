"""`seed_demo --days`: a believable past, the same at every run, with books that are right."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count, Max, Min, Sum
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from adminpanel.demo.people import DOMAIN, invent
from adminpanel.demo.year import Past, seed_past
from billing.models import Invoice
from tokens.ledger.verify import verify
from tokens.models import Balance, DailyTotal, Entry, UsageRecord
from tokens.usage import aggregates

DAYS = 70
YEAR = timedelta(days=365)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def past(db: None, now: datetime) -> Past:
    return seed_past(DAYS, now=now)


def test_the_seeded_year_covers_every_status_and_dimension(past: Past, now: datetime) -> None:
    assert past.fresh
    assert past.users > 20
    assert past.records > 2000
    first = UsageRecord.objects.aggregate(at=Min("created_at"))["at"]
    assert now - timedelta(days=DAYS) < first < now - timedelta(days=DAYS - 20)
    assert UsageRecord.objects.aggregate(at=Max("created_at"))["at"] < now
    assert set(UsageRecord.objects.values_list("status", flat=True)) == {
        "ok",
        "failed",
        "cancelled",
    }
    for dimension in ("model", "provider", "plan"):
        assert DailyTotal.objects.filter(dimension=dimension).values("key").distinct().count() > 2


def test_the_books_are_right(past: Past) -> None:
    assert verify() == []
    assert Balance.objects.count() == past.users
    assert [day for day in aggregates.open_days() if aggregates.differing(day)] == []
    of_records = UsageRecord.objects.aggregate(all=Sum("charged"))["all"]
    assert DailyTotal.objects.filter(dimension="all").aggregate(all=Sum("charged"))["all"] == (
        of_records
    )
    # The next renewals and settlements go on from there.
    call_command("reset_allowances", stdout=StringIO())
    assert verify() == []


def test_again_changes_nothing(past: Past) -> None:
    entries = Entry.objects.count()
    again = seed_past(DAYS)
    assert again == Past(False, past.users, past.subscriptions, past.invoices, past.records)
    assert Entry.objects.count() == entries


def test_nobody_can_sign_in(past: Past) -> None:
    people = User.objects.filter(email__endswith=f"@{DOMAIN}")
    assert not any(user.has_usable_password() for user in people)


def test_work_has_its_week(past: Past) -> None:
    days = UsageRecord.objects.values_list("created_at__iso_week_day")
    by_day = dict(days.annotate(Count("pk")).order_by())
    assert min(by_day[day] for day in (1, 2, 3, 4)) > 2 * max(by_day.get(6, 0), by_day.get(7, 0))


def test_the_same_people_each_time() -> None:
    end = datetime(2026, 7, 1, tzinfo=UTC)
    people = invent(start=end - YEAR, now=end)
    assert people == invent(start=end - YEAR, now=end)
    assert len({person.email for person in people}) == len(people)


def test_a_year_has_churn_and_failed_payments() -> None:
    end = datetime(2026, 7, 1, tzinfo=UTC)
    deals = [person.deal for person in invent(start=end - YEAR, now=end) if person.deal]
    bills = [bill for deal in deals for bill in deal.bills]
    assert {deal.plan for deal in deals} == {"pro", "enterprise"}
    assert {deal.interval for deal in deals} == {"month", "year"}
    assert any(deal.ended for deal in deals)
    assert any(bill.declined and bill.paid_at for bill in bills)
    assert any(bill.declined and not bill.paid_at for bill in bills)


@pytest.mark.parametrize("end", [datetime(2026, month, 1, 12, tzinfo=UTC) for month in (1, 5, 9)])
def test_each_moment_has_one_period(end: datetime) -> None:
    """Nobody's allowances overlap or leave a gap: the books depend on it."""
    for person in invent(start=end - YEAR, now=end):
        ends = [person.joined, *(period.end for period in person.periods)]
        assert [period.start for period in person.periods] == ends[:-1]
        assert sum(period.end > end for period in person.periods) == 1


def command(**options: Any) -> str:
    out = StringIO()
    call_command("seed_demo", stdout=out, **options)
    return out.getvalue()


def test_a_dry_run_writes_nothing(db: None, settings: Settings) -> None:
    settings.DEBUG = True
    assert "A past: " in command(days=5, dry_run=True)
    assert not User.objects.exists()
    assert not Invoice.objects.exists()


def test_not_in_production(db: None, settings: Settings) -> None:
    settings.DEBUG = False
    for options in ({"days": 5}, {"force": True}):
        with pytest.raises(CommandError, match="DEBUG"):
            command(**options)
    assert "A past: " in command(days=5, force=True)
    assert not User.objects.filter(is_staff=True).exists()


@pytest.mark.parametrize("days", [0, 5000])
def test_invalid_days_are_refused(db: None, settings: Settings, days: int) -> None:
    settings.DEBUG = True
    with pytest.raises(CommandError, match="--days"):
        command(days=days)
