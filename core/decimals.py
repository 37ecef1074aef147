"""How decimals are written, for readers of the API and of the admin site. Pure."""

from decimal import Decimal


def plain(value: Decimal) -> str:
    """Write a number without an exponent and without zeros at its end."""
    return f"{value.normalize():f}"
