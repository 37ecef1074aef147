"""Tables on the pages of staff, some of them also exported as CSV."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from core.spreadsheet import as_csv


@dataclass(frozen=True)
class Table:
    """A name for addresses, a title for readers, columns, and rows of plain values."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    bars: Sequence[float] = ()
    """For each row, its share of the greatest, where that is worth a bar."""

    @property
    def headers(self) -> Sequence[str]:
        """The columns, by the name that unfold's component has for them."""
        return self.columns

    @property
    def csv(self) -> str:
        """The table with its figures in full: shares of 1, money in all digits."""
        return as_csv([self.columns, *self.rows])

    @cached_property
    def words(self) -> list[bool]:
        """Which columns have words: they are aligned to the left, and figures to the right."""
        return [
            any(isinstance(row[at], str) for row in self.rows) for at in range(len(self.columns))
        ]

    @property
    def shown(self) -> list[list[str]]:
        """The rows as readers see them."""
        return [[readable(cell) for cell in row] for row in self.rows]


def readable(cell: Any) -> str:
    """Write a figure for readers: thousands apart, money to the cent, none as a word."""
    if cell is None:
        return "none"
    if isinstance(cell, Decimal):
        return f"{cell:z,.2f}"
    if isinstance(cell, float):
        return f"{cell:z.2%}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
