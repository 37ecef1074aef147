"""Months of the allowance: on the user's own anniversary, whatever the calendar does."""

from datetime import UTC, date, datetime

import pytest

from tokens.periods import midnight, months_after, period_at


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("anchor", "months", "anniversary"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-01-31", 2, "2026-03-31"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2026-11-15", 2, "2027-01-15"),
    ],
)
def test_a_period_ends_on_the_anniversary(anchor: str, months: int, anniversary: str) -> None:
    assert months_after(day(anchor), months) == day(anniversary)


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        ("2026-01-31", "2026-01-31", "2026-02-28"),
        ("2026-02-27T23:59:59", "2026-01-31", "2026-02-28"),
        ("2026-02-28", "2026-02-28", "2026-03-31"),
        ("2027-01-30", "2026-12-31", "2027-01-31"),
    ],
)
def test_a_moment_lies_in_one_period(moment: str, start: str, end: str) -> None:
    assert period_at(day("2026-01-31"), day(moment)) == (day(start), day(end))


def test_a_day_begins_at_midnight_in_utc() -> None:
    assert midnight(date(2026, 2, 28)) == datetime(2026, 2, 28, tzinfo=UTC)
    assert midnight(date(2026, 2, 28)).tzinfo is UTC
