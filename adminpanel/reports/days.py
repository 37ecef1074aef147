"""The range of days of a report (UTC)."""

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import TypedDict, cast

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils import timezone

PRESETS = (7, 30, 90, 365)
DEFAULT = 30
_MOST_DAYS = 366
_REACH = (MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(9000, 1, 1)))


class Days(TypedDict):
    """The first and the last day of a report."""

    first: date
    last: date


class DaysForm(forms.Form):
    """Which days: the last ones, or from one to another (UTC, both included)."""

    days = forms.IntegerField(min_value=1, max_value=_MOST_DAYS, required=False)
    since = forms.DateField(required=False, label="From", validators=_REACH)
    until = forms.DateField(required=False, label="To", validators=_REACH)

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


@dataclass(frozen=True)
class Chosen:
    """The days that a page is asked for. ``preset``: how many, if they end today."""

    first: date
    last: date
    preset: int | None
    error: str
    presets: tuple[int, ...] = PRESETS

    @property
    def span(self) -> "Span":
        return {"since": self.first, "until": self.last + timedelta(days=1)}

    @property
    def query(self) -> str:
        """The days, for addresses."""
        return f"from={self.first}&to={self.last}"

    @property
    def title(self) -> str:
        return f"{self.first} to {self.last}"


class Span(TypedDict):
    """The days of a report; ``until`` is exclusive."""

    since: date
    until: date


def chosen(asked: QueryDict) -> Chosen:
    """Read the days of an address; of ones that are not valid, the usual days and the error."""
    form = DaysForm(asked)
    is_fit = form.is_valid()
    days = cast("Days", form.cleaned_data) if is_fit else last_days(DEFAULT)
    number = (days["last"] - days["first"]).days + 1
    errors = (str(text) for texts in form.errors.values() for text in texts)
    preset = number if days["last"] == today() else None
    return Chosen(**days, preset=preset, error="" if is_fit else " ".join(errors))


def last_days(number: int, *, until: date | None = None) -> Days:
    """Return the first and the last of that many days."""
    last = until or today()
    return {"first": last - timedelta(days=number - 1), "last": last}


def today() -> date:
    return timezone.now().astimezone(UTC).date()
