"""Billing periods by the calendar, in UTC: the 31st becomes the 28th, and the 31st again."""

import calendar
from datetime import UTC, datetime, timedelta

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


def step(anchor: int, *, interval: str, count: int) -> int:
    """Return the time ``count`` intervals after ``anchor``."""
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in _DAYS:
        return int((start + timedelta(days=_DAYS[interval] * count)).timestamp())
    years, month = divmod(start.month - 1 + _MONTHS[interval] * count, 12)
    year = start.year + years
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def end_after(start: int, *, anchor: int, interval: str, count: int) -> int:
    """Return the first boundary after ``start`` of the periods that begin at ``anchor``."""
    number = 1
    while (boundary := step(anchor, interval=interval, count=number * count)) <= start:
        number += 1
    return boundary
