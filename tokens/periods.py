"""Monthly periods on the user's own anniversary, and days, in UTC. Pure.

An anchor on the 31st renews on the last day of shorter months and on the 31st again after:
31 January, 28 February, 31 March.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time


def midnight(day: date) -> datetime:
    """Return the start of a day."""
    return datetime.combine(day, time(), UTC)


def months_after(anchor: datetime, months: int) -> datetime:
    """Return the anniversary of the anchor after that many months."""
    years, month = divmod(anchor.month - 1 + months, 12)
    year, month = anchor.year + years, month + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, monthrange(year, month)[1]))


def period_at(anchor: datetime, moment: datetime) -> tuple[datetime, datetime]:
    """Return the start (inclusive) and end (exclusive) of the period that contains `moment`."""
    months = (moment.year - anchor.year) * 12 + moment.month - anchor.month
    if months_after(anchor, months) > moment:
        months -= 1
    return months_after(anchor, months), months_after(anchor, months + 1)
