"""A run of `aggregate_usage` that ends halfway, or of a former version, leaves no wrong month."""

from datetime import date, timedelta

import pytest

from accounts.models import User
from tests.tokens.test_monthly_usage import at_noon, expected, people, today, told
from tests.tokens.usage import used
from tokens.models import Aggregation, DailyUsage
from tokens.usage import aggregates, monthly, totals

__all__ = ["people"]  # a fixture

OLD = today() - timedelta(days=40)


class Killed(BaseException):
    """Ends a run where nothing catches it."""


def is_exact() -> bool:
    since, until = today() - timedelta(days=99), today() + timedelta(days=1)
    periods = [(since, until), (OLD.replace(day=1), OLD), (OLD, OLD + timedelta(days=1))]
    return all(told(*each, totals.coverage()) == expected(*each) for each in periods)


def test_killed_after_the_days(people: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    used(people[1], at=at_noon(OLD), charged=5)

    def die(**_: date) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(aggregates, "_close", die)
        with pytest.raises(Killed):
            aggregates.aggregate(since=OLD)

    assert aggregates.differing(OLD) == 0
    assert is_exact()
    aggregates.aggregate()
    assert monthly.differing(OLD.replace(day=1)) == 0
    assert is_exact()


def test_killed_before_the_months(people: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    Aggregation.objects.update(open_from=today() - timedelta(days=9), months_until=None)

    def die() -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(monthly, "fill", die)
        with pytest.raises(Killed):
            aggregates.aggregate()

    assert Aggregation.objects.get().open_from == today() - timedelta(days=2)
    assert is_exact()


def test_a_former_version_opens_a_day_again(people: list[User]) -> None:
    """It moves ``open_from`` back and makes the sums of the day, but knows no months."""
    used(people[1], at=at_noon(OLD), charged=5, final=False)
    Aggregation.objects.update(open_from=OLD)
    DailyUsage.objects.filter(day=OLD).update(charged=0)

    assert is_exact()
