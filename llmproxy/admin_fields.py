"""Fields of the admin's forms: prices as providers list them."""

import re
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.db.models import Field

from config.columns import MILLION, plain

_PER_MILLION = partial(re.sub, r"per (.*?)token\b", r"per million \1tokens")


class PriceField(forms.DecimalField):
    """A price that is kept in dollars for one, and read and written for ``unit`` of them."""

    def __init__(self, *, unit: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unit = unit

    def prepare_value(self, value: Any) -> Any:
        """Say what the database has; what staff have just written stays as it is."""
        return plain(value * self.unit) if isinstance(value, Decimal) else value

    def clean(self, value: Any) -> Decimal | None:
        cleaned: Decimal | None = super().clean(value)
        return None if cleaned is None else cleaned / self.unit

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(None if initial is None else initial * self.unit, data)


def field_of_price(column: Field[Any, Any], field: Any) -> PriceField:
    """Return the form's field of a column: per million tokens, or per request."""
    per_request = column.name == "price_request"
    return PriceField(
        unit=1 if per_request else MILLION,
        help_text=column.help_text if per_request else _PER_MILLION(column.help_text),
        min_value=0,
        max_digits=18,
        decimal_places=12 if per_request else 6,
        required=False,
        label=field.label,
        widget=field.widget,
    )
