"""Columns of admin lists with formatted numbers."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin

from core import currencies
from core.decimals import plain

Column = Callable[[Any], str | None]

MILLION = 1_000_000


def number(name: str, *, sorts: bool = True) -> Column:
    """Return a column of a whole number: 5,000,000. What is no column of the table cannot sort."""
    return _column(name, lambda row, value: f"{value:,}", sorts=sorts)


def money(name: str) -> Column:
    """Return a column of an amount in the smallest unit of the row's currency: 1,234.50 USD."""
    return _column(name, lambda row, value: currencies.formatted(value, row.currency))


def usd(name: str) -> Column:
    """Return a column of dollars with as many digits as there are: 0.000215."""
    return _column(name, lambda row, value: plain(value))


def per_million(name: str) -> Column:
    """Return a column of a price per token, said in dollars per million tokens."""
    return _column(name, lambda row, value: plain(value * MILLION), title="USD / M")


def _column(
    name: str, formatted: Callable[[Any, Any], str], *, title: str = "", sorts: bool = True
) -> Column:
    header = name.replace("_", " ").capitalize()

    @admin.display(
        description=f"{header}, {title}" if title else header, ordering=name if sorts else None
    )
    def column(row: Any) -> str | None:
        value = getattr(row, name)
        return None if value is None else formatted(row, value)

    return column
