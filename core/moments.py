"""The range of moments that the API accepts, so that time zones and calendars do not overflow."""

from datetime import UTC, date, datetime

from rest_framework import serializers

_EARLIEST, _LATEST = 1970, 8999


class DayField(serializers.DateField):
    """A day of the years 1970 to 8999."""

    def to_internal_value(self, value: str | date) -> date:
        return within_reach(super().to_internal_value(value))


def in_utc(moment: datetime) -> datetime:
    """Return an aware moment in UTC, or raise a ``ValidationError``."""
    within_reach(moment)
    return moment.astimezone(UTC)


def within_reach(day: date) -> date:
    """Return the day if something can be reckoned with it, or raise a ``ValidationError``."""
    if not _EARLIEST <= day.year <= _LATEST:
        raise serializers.ValidationError(f"Use a year from {_EARLIEST} to {_LATEST}.")
    return day
