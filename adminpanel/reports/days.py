"""The range of days of a report (UTC)."""

from datetime import UTC, date, timedelta
from typing import TypedDict

from django import forms
from django.core.validators import MinValueValidator
from django.utils import timezone

PRESETS = (7, 30, 90, 365)
DEFAULT = 30
_MOST_DAYS = 366
_REACH = MinValueValidator(date(1970, 1, 1))


class Days(TypedDict):
    """The first and the last day of a report."""

    first: date
    last: date


class DaysForm(forms.Form):
    """Which days: the last ones, or from one to another (UTC, both included)."""

    days = forms.IntegerField(min_value=1, max_value=_MOST_DAYS, required=False)
    since = forms.DateField(required=False, label="From", validators=[_REACH])
    until = forms.DateField(required=False, label="To", validators=[_REACH])

    def add_prefix(self, field_name: str) -> str:
        """Call them in addresses as the API does: `from` is no name in Python."""
        return {"since": "from", "until": "to"}.get(field_name, field_name)

    def clean(self) -> Days:  # type: ignore[override]  # Django accepts any mapping
        given = super().clean() or {}
        usual = last_days(given.get("days") or DEFAULT, until=given.get("until"))
        last, first = usual["last"], given.get("since") or usual["first"]
        if not timedelta() <= last - first < timedelta(days=_MOST_DAYS):
            raise forms.ValidationError(
                f"Choose at most {_MOST_DAYS} days; the first must not be after the last."
            )
        return {"first": first, "last": last}


def last_days(number: int, *, until: date | None = None) -> Days:
    """Return the first and the last of that many days."""
    last = until or today()
    return {"first": last - timedelta(days=number - 1), "last": last}


def today() -> date:
    return timezone.now().astimezone(UTC).date()
