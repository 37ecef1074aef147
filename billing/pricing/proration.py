"""Comparing plans, the cost of a change now, and the projected usage of a period. Pure."""

from dataclasses import dataclass
from datetime import datetime

_TOO_SOON = 0.01  # of a period: what happened by then says nothing about the rest
LIMITS = (
    "monthly_tokens",
    "requests_per_minute",
    "tokens_per_minute",
    "concurrent_requests",
    "max_output_tokens",
    "api_keys",
)


@dataclass(frozen=True)
class Offer:
    """A plan at an interval: its price in cents, its place in the list, and what it allows."""

    plan: str
    interval: str
    position: int
    amount: int
    limits: dict[str, int]


@dataclass(frozen=True)
class Period:
    start: datetime
    end: datetime

    def rest(self, now: datetime) -> float:
        """Return the part that is still to come, from 0 to 1."""
        whole = (self.end - self.start).total_seconds()
        return min(1.0, max(0.0, (self.end - now).total_seconds() / whole)) if whole > 0 else 0.0


def is_upgrade(*, now: Offer, wanted: Offer) -> bool:
    """Tell whether a change takes place at once.

    It does where the plan is a higher one; of two intervals of the same plan the longer is more.
    From a yearly plan to a month of a higher one is a step up too.
    """
    return _rank(wanted) > _rank(now)


def _rank(offer: Offer) -> tuple[int, bool]:
    return offer.position, offer.interval == "year"


def difference(*, base: Offer, other: Offer) -> dict[str, int]:
    """Return how much more of everything the other offer has: negative where it has less."""
    more = {name: other.limits[name] - base.limits[name] for name in LIMITS}
    return {"price": other.amount - base.amount, **more}


def price_of_change(
    *, now: Offer, wanted: Offer, period: Period, moment: datetime, trial: bool = False
) -> int:
    """Return what the change costs at once, in cents, as Stripe reckons it; 0 if it comes later.

    The rest of the running period is credited. Of the same interval only the rest is charged, of
    another one, or after a trial, a whole period, which starts then.
    """
    if not is_upgrade(now=now, wanted=wanted):
        return 0
    if trial:
        return wanted.amount
    rest = period.rest(moment)
    unused = round(now.amount * rest)
    if now.interval == wanted.interval and now.amount:
        return max(0, round(wanted.amount * rest) - unused)
    return max(0, wanted.amount - unused)


def projection(*, used: int, period: Period, moment: datetime) -> int:
    """Return how many tokens the period ends with, if it goes on like this."""
    return round(_pace(used, period, moment))


def runs_out(*, used: int, left: int, period: Period, moment: datetime) -> datetime | None:
    """Return when nothing is left, if it goes on like ``projection`` says; None: not so soon."""
    pace = _pace(used, period, moment)
    if used + left >= pace:
        return None
    return moment + (period.end - period.start) * (max(0, left) / pace)


def _pace(used: int, period: Period, moment: datetime) -> float:
    """Return the tokens of a whole period."""
    gone = 1 - period.rest(moment)
    return used / max(gone, _TOO_SOON)
