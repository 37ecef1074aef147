"""Generated customers for a demo: when they joined, what they paid, and when they left. Pure.

The same range of days always generates the same people, because the random generator has a fixed
seed. Amounts are in cents, tokens in whole LLM tokens.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tokens.periods import months_after

DOMAIN = "demo.example"
_SEED = 1815
_PEOPLE_PER_YEAR = 160
_FIRST = "Ada Alan Barbara Charles Dorothy Edsger Frances Grace Hedy Ivan Joan Katherine Linus Mary"
_LAST = (
    "Allen Babbage Clarke Dijkstra Hopper Johnson Knuth Lamarr Lovelace Noether Sutherland Turing"
)
_MONTH = {"pro": 2_000, "enterprise": 20_000}
_REQUESTS_A_DAY = {"free": (2, 7), "pro": (10, 30), "enterprise": (25, 60)}
_CHURN = 0.045
_DECLINES = 0.05
_LOST_BY_DECLINE = 0.3


@dataclass(frozen=True)
class Bill:
    """An invoice; ``declined`` is when the card was refused, ``paid_at`` when money came."""

    id: str
    at: datetime
    until: datetime
    amount: int
    declined: datetime | None = None
    paid_at: datetime | None = None
    refunded: int = 0


@dataclass(frozen=True)
class Period:
    """Monthly periods of the ledger, and their plan."""

    start: datetime
    end: datetime
    tier: str
    source: str | None
    """The invoice that paid it; None: the schedule began it."""


@dataclass
class Deal:
    """A subscription; ``ended`` is None while it is active."""

    id: str
    plan: str
    interval: str
    start: datetime
    ended: datetime | None = None
    leaving: bool = False
    bills: list[Bill] = field(default_factory=list)


@dataclass
class Person:
    number: int
    name: str
    joined: datetime
    daily: int
    """Requests on a working day."""
    deal: Deal | None = None
    periods: list[Period] = field(default_factory=list)

    @property
    def email(self) -> str:
        return f"{self.name.lower().replace(' ', '.')}.{self.number}@{DOMAIN}"


def invent(*, start: datetime, now: datetime) -> list[Person]:
    """Return who came between two moments: ever more of them, the earliest first."""
    dice = random.Random(_SEED)  # nosec B311  # noqa: S311 - to be the same each time is the point
    many = max(8, round(_PEOPLE_PER_YEAR * (now - start) / timedelta(days=365)))
    return [_person(dice, number, many, start, now) for number in range(1, many + 1)]


def _person(dice: random.Random, number: int, many: int, start: datetime, now: datetime) -> Person:
    came = (number - dice.random()) / many
    joined = start + (now - start) * came**0.7
    name = f"{dice.choice(_FIRST.split())} {dice.choice(_LAST.split())}"
    plan = dice.choices(["free", "pro", "enterprise"], [0.62, 0.31, 0.07])[0]
    person = Person(number, name, joined, dice.randint(*_REQUESTS_A_DAY[plan]))
    if plan != "free":
        begins = joined + timedelta(days=dice.expovariate(1 / 6), minutes=5)
        if begins < now:
            person.deal = _deal(dice, f"{number:04}", plan, begins, now)
    person.periods = list(_periods(person, now))
    return person


def _deal(dice: random.Random, number: str, plan: str, start: datetime, now: datetime) -> Deal:
    interval = "year" if dice.random() < 0.2 else "month"
    deal = Deal(f"sub_demo_{number}", plan, interval, start)
    step = 12 if interval == "year" else 1
    count = 0
    while (at := months_after(start, count * step)) < now and deal.ended is None:
        if count and dice.random() < _CHURN:
            deal.ended = at
            return deal
        bill = _bill(dice, deal, count, at, months_after(start, (count + 1) * step))
        if bill.paid_at is None and bill.declined and count:
            deal.ended = bill.declined + timedelta(days=7)
        deal.bills.append(bill)
        count += 1
    if deal.ended and deal.ended > now:
        deal.ended = None
    deal.leaving = deal.ended is None and dice.random() < _CHURN
    return deal


def _bill(dice: random.Random, deal: Deal, count: int, at: datetime, until: datetime) -> Bill:
    name = deal.id.replace("sub_", "in_") + f"_{count + 1}"
    amount = _MONTH[deal.plan] * (10 if deal.interval == "year" else 1)
    declined = at + timedelta(hours=1) if count and dice.random() < _DECLINES else None
    lost = declined is not None and dice.random() < _LOST_BY_DECLINE
    refunded = amount if dice.random() < 0.01 else 0
    if lost:
        return Bill(name, at, until, amount, declined)
    paid_at = at + timedelta(days=3) if declined else at
    return Bill(name, at, until, amount, declined, paid_at, refunded)


def _periods(person: Person, now: datetime) -> Iterator[Period]:
    """Tell the months of the ledger up to the one that runs now, which is told as a whole."""
    deal = person.deal
    if deal is None:
        yield from _months(person.joined, None, "free", now)
        return
    yield from _months(person.joined, deal.start, "free", now)
    paid = {bill.at: bill.id for bill in deal.bills if bill.paid_at and bill.paid_at <= now}
    yield from _paid(deal, paid, now)
    if deal.ended:
        yield from _months(deal.ended, None, "free", now)


def _paid(deal: Deal, paid: Mapping[datetime, str], now: datetime) -> Iterator[Period]:
    """Tell the months of a subscription: the one before an unpaid bill lasts until it ends."""
    months = list(_months(deal.start, deal.ended, deal.plan, now))
    if deal.interval == "month":
        months = [month for month in months if month.start in paid]
    ends = [month.start for month in months[1:]]
    last = deal.ended or months[-1].end
    for month, end in zip(months, [*ends, last], strict=True):
        yield Period(month.start, end, deal.plan, paid.get(month.start))


def _months(start: datetime, end: datetime | None, tier: str, now: datetime) -> Iterator[Period]:
    count = 0
    while (at := months_after(start, count)) < min(end or now, now):
        until = months_after(start, count + 1)
        yield Period(at, min(until, end) if end else until, tier, None)
        count += 1
