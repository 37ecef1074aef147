"""Formatting decimals for the API and the admin site. Pure."""

from decimal import Decimal


def plain(value: Decimal) -> str:
    """Write a number without an exponent and without zeros at its end."""
    return f"{value.normalize():f}"
