"""Fields of the admin's forms: prices as providers list them."""

from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Field

from core.admin.columns import MILLION
from core.decimals import plain


class PriceField(forms.DecimalField):
    """A price that is stored in dollars for one token, but shown and entered for ``unit``."""

    def __init__(self, *, unit: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unit = unit

    def prepare_value(self, value: Any) -> Any:
        """Format the stored value. A value that staff have just entered is unchanged."""
        return plain(value * self.unit) if isinstance(value, Decimal) else value

    def clean(self, value: Any) -> Decimal | None:
        cleaned: Decimal | None = super().clean(value)
        return None if cleaned is None else cleaned / self.unit

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(None if initial is None else initial * self.unit, data)


def options_of(column: Field[Any, Any]) -> dict[str, Any]:
    """Return the arguments for ``formfield``: per million tokens, or per request."""
    if column.name == "price_request":
        return {"form_class": PriceField, "unit": 1, "min_value": 0}
    return {
        "form_class": PriceField,
        "unit": MILLION,
        "min_value": 0,
        "decimal_places": 6,
        "help_text": column.help_text.replace("per ", "per million ").replace("token", "tokens"),
    }
