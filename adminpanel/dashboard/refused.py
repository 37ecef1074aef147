"""The page of refused requests: which users met a limit or an empty balance, and how often."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from django.http import HttpRequest

from accounts.models import User
from adminpanel.dashboard.dashboard import SEES_USAGE, Tile
from adminpanel.reports import days
from adminpanel.reports.days import Chosen
from adminpanel.reports.tables import Table, readable
from tokens.usage import refusals
from tokens.usage.refusals import Refused

_SHOWN = 100


@dataclass
class RefusedPage:
    """The users with the most refused requests in some days."""

    names: ClassVar[tuple[str, ...]] = ("refused-users",)
    days: Chosen

    @property
    def query(self) -> str:
        return self.days.query

    @property
    def as_of(self) -> None:
        """The counts are those of now, less what the web workers have not written yet."""

    @property
    def tiles(self) -> list[Tile]:
        return [
            Tile("Users shown", readable(len(self._found))),
            Tile("402, no tokens left", readable(sum(row.of_balance for row in self._found))),
            Tile("429, limits", readable(sum(row.of_limits for row in self._found))),
        ]

    @cached_property
    def tables(self) -> list[Table]:
        ids = [row.user_id for row in self._found]
        users = User.objects.select_related("balance").in_bulk(ids)
        most = max((sum(row.codes.values()) for row in self._found), default=0) or 1
        return [
            Table(
                "refused-users",
                f"Users with refused requests, {self.days.title}",
                ["User", "Plan", "402", "429", "Codes"],
                [_row(row, users[row.user_id]) for row in self._found],
                [sum(row.codes.values()) / most for row in self._found],
            )
        ]

    @cached_property
    def _found(self) -> list[Refused]:
        return refusals.top(**self.days.span, at_most=_SHOWN)


def refused_page(request: HttpRequest) -> RefusedPage | None:
    """Return the page of the days asked for; None for who may not see usage."""
    may = request.user.has_perm(SEES_USAGE)
    return RefusedPage(days.chosen(request.GET)) if may else None


def _row(row: Refused, user: User) -> list[str | int]:
    plan = user.balance.tier_id if hasattr(user, "balance") else "none"
    codes = ", ".join(f"{code} {number:,}" for code, number in row.codes.items())
    return [user.email, plan, row.of_balance, row.of_limits, codes]
