"""Sums by user from months and days: those of the records, for any days and at any time."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from tests.factories import UserFactory
from tests.tokens.usage import record, used
from tokens.models import Aggregation, MonthlyUsage, UsageRecord
from tokens.usage import aggregates, by_user, monthly, totals
from tokens.usage.totals import Coverage


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def days_of(since: date, until: date) -> Iterator[date]:
    return (since + timedelta(days=number) for number in range((until - since).days))


@pytest.fixture
def people(db: None) -> list[User]:
    """Five users with 400 requests in 100 days, which are summed; then one more request."""
    found: list[User] = UserFactory.create_batch(5)
    draw = random.Random(7)
    UsageRecord.objects.bulk_create(
        record(
            draw.choice(found),
            at=at_noon(today() - timedelta(days=draw.randrange(100))),
            charged=draw.randrange(1000),
            upstream_cost=draw.choice([None, Decimal(draw.randrange(1000)) / 1000]),
        )
        for _ in range(400)
    )
    aggregates.aggregate()
    used(found[0], at=timezone.now(), charged=10_000, upstream_cost=Decimal(9))
    return found


def expected(since: date, until: date) -> dict[int, tuple[int, int, Decimal]]:
    found: dict[int, tuple[int, int, Decimal]] = {}
    for each in UsageRecord.objects.all():
        if since <= each.created_at.date() < until:
            requests, charged, cost = found.get(each.user_id, (0, 0, Decimal(0)))
            known = each.upstream_cost if each.upstream_cost is not None else each.cost
            found[each.user_id] = (requests + 1, charged + each.charged, cost + (known or 0))
    return found


def told(since: date, until: date, covered: Coverage) -> dict[int, tuple[int, int, Decimal]]:
    rows = by_user.top_users(since=since, until=until, at_most=9, by="charged", covered=covered)
    assert rows == sorted(rows, key=lambda row: (-row.charged, row.user_id))
    return {row.user_id: (row.requests, row.charged, row.cost) for row in rows}


PERIODS = [(0, 0), (3, 0), (30, 0), (45, 12), (99, 0), (70, 3), (70, 40), (40, 38), (120, 100)]


@pytest.mark.parametrize(("first", "last"), PERIODS)
def test_sums_are_those_of_the_records(people: list[User], first: int, last: int) -> None:
    since, until = today() - timedelta(days=first), today() + timedelta(days=1 - last)
    covered = totals.coverage()
    assert covered.are_live
    assert told(since, until, covered) == expected(since, until)
    active = by_user.active_users(since=since, until=until, covered=covered)
    assert active == len(expected(since, until))


def test_many_open_requests_are_read_from_their_last_sums(
    people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "LIVE_REQUESTS", 0)
    covered = totals.coverage()
    assert not covered.are_live
    since, until = today() - timedelta(days=70), today() + timedelta(days=1)
    before = told(since, until, covered)
    assert before != expected(since, until)
    aggregates.aggregate()
    assert told(since, until, covered) == expected(since, until)
    # Nothing but the closed days is in the months, and no record is read.
    UsageRecord.objects.all().delete()
    assert told(since, until, covered) != before
    assert by_user.active_users(since=since, until=until, covered=covered) == 5


def test_a_day_that_closes_or_changes_is_in_its_month(people: list[User]) -> None:
    old = today() - timedelta(days=40)
    used(people[1], at=at_noon(old), charged=5)
    aggregates.aggregate(since=old)
    assert monthly.differing(old.replace(day=1)) == 0
    assert told(old, old + timedelta(days=1), totals.coverage()) == expected(
        old, old + timedelta(days=1)
    )


def test_months_give_back_the_days_that_open_again(people: list[User]) -> None:
    back = today() - timedelta(days=50)
    used(people[2], at=at_noon(back), charged=5, final=False)
    aggregates.aggregate()
    state = Aggregation.objects.get()
    assert (state.open_from, state.months_until) == (back, back)
    assert not MonthlyUsage.objects.filter(month__gt=back).exists()
    since, until = back - timedelta(days=30), today() + timedelta(days=1)
    assert told(since, until, totals.coverage()) == expected(since, until)
    UsageRecord.objects.update(final=True)
    aggregates.aggregate()
    assert Aggregation.objects.get().months_until == today() - timedelta(days=2)
    assert told(since, until, totals.coverage()) == expected(since, until)


def test_sums_of_a_version_without_months(people: list[User]) -> None:
    MonthlyUsage.objects.all().delete()
    Aggregation.objects.update(months_until=None)
    since, until = today() - timedelta(days=70), today() + timedelta(days=1)
    covered = totals.coverage()
    assert told(since, until, covered) == expected(since, until)
    assert by_user.active_users(since=since, until=until, covered=covered) == 5
    aggregates.aggregate()
    assert told(since, until, totals.coverage()) == expected(since, until)


def test_the_command_finds_a_wrong_month(people: list[User]) -> None:
    aggregates.aggregate()
    call_command("aggregate_usage", check=True, since=today() - timedelta(days=99))
    MonthlyUsage.objects.filter(user=people[0]).update(charged=1)
    with pytest.raises(CommandError, match="months"):
        call_command("aggregate_usage", check=True, since=today() - timedelta(days=99))


def test_parts_and_bits_of_any_period() -> None:
    draw = random.Random(3)
    origin = date(2024, 1, 1)
    for _ in range(500):
        since = origin + timedelta(days=draw.randrange(500))
        until = since + timedelta(days=draw.randrange(100))
        months_until = origin + timedelta(days=draw.randrange(600))
        parts = monthly.parts(since, until, months_until=months_until)
        counted: Counter[date] = Counter()
        for month in parts.months:
            end = min((month + timedelta(days=31)).replace(day=1), months_until)
            counted.update(days_of(month, end))
        for part in parts.days:
            for day in days_of(part.since, part.until):
                counted[day] += 1 if part.is_added else -1
        assert sorted(counted.elements()) == list(days_of(since, until))
        masks = monthly.masks(since, until, months_until=months_until)
        bits = [
            month + timedelta(days=bit)
            for month, mask in masks.items()
            for bit in range(31)
            if mask >> bit & 1
        ]
        assert bits == list(days_of(since, min(until, months_until)))
