"""The lines of invoices: for a period, for a trial, and for the rest of a period (proration).

Amounts are whole cents. Time is prorated by the second, each line rounded by itself, half away
from zero.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from devserver.stripe.store import Obj
from devserver.stripe.world import World

Period = tuple[int, int]
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Line:
    """One future line. ``item`` is the subscription item's id, or "" if it does not exist yet."""

    amount: int
    description: str
    period: Period
    price: Obj | None
    quantity: int | None
    item: str = ""
    proration: bool = False
    invoice_item: Obj | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Part:
    """A part of a subscription: a quantity of a price. ``item`` as in Line."""

    price: Obj
    quantity: int
    item: str = ""
    metadata: Obj | None = None

    @property
    def amount(self) -> int:
        return int(self.price["unit_amount"]) * self.quantity


def for_period(world: World, parts: list[Part], period: Period) -> list[Line]:
    return [
        Line(part.amount, _at_price(world, part), period, part.price, part.quantity, part.item)
        for part in parts
    ]


def for_trial(world: World, parts: list[Part], period: Period) -> list[Line]:
    return [
        Line(
            0,
            f"Trial period for {_name(world, part)}",
            period,
            part.price,
            part.quantity,
            part.item,
        )
        for part in parts
    ]


def prorated(
    world: World, *, before: list[Part], after: list[Part], period: Period, at: int
) -> list[Line]:
    """Return the credits for the rest of ``before`` and the charges for the rest of ``after``."""
    gone, come = _unlike(before, after), _unlike(after, before)
    credited = [_rest(world, part, period, at, sign=-1) for part in gone]
    return credited + [_rest(world, part, period, at, sign=1) for part in come]


def unused(world: World, *, before: list[Part], period: Period, at: int) -> list[Line]:
    return [_rest(world, part, period, at, sign=-1) for part in before]


def _unlike(parts: list[Part], others: list[Part]) -> list[Part]:
    kept = {(part.price["id"], part.quantity, part.item) for part in others}
    return [part for part in parts if (part.price["id"], part.quantity, part.item) not in kept]


def _rest(world: World, part: Part, period: Period, at: int, *, sign: int) -> Line:
    start, end = period
    amount = sign * share(part.amount, left=end - at, whole=end - start)
    many = f"{part.quantity} {TIMES} " if part.quantity != 1 else ""
    day = datetime.fromtimestamp(at, UTC)
    kind = "Unused" if sign < 0 else "Remaining"
    text = f"{kind} time on {many}{_name(world, part)} after {day.day:02d} {day:%b %Y}"
    return Line(amount, text, (at, end), part.price, part.quantity, part.item, proration=True)


def share(amount: int, *, left: int, whole: int) -> int:
    """Return the cost of ``left`` of ``whole`` seconds, in whole cents."""
    exact = Decimal(amount) * Decimal(left) / Decimal(whole)
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def _name(world: World, part: Part) -> str:
    return str(world.store.objects[part.price["product"]]["name"])


def _at_price(world: World, part: Part) -> str:
    recurring = part.price["recurring"]
    rate = f" (at {money(part.price['unit_amount'], part.price['currency'])} / {every(recurring)})"
    return f"{part.quantity} {TIMES} {_name(world, part)}{rate if recurring else ''}"


def every(recurring: Obj | None) -> str:
    if recurring is None:
        return "once"
    count = recurring["interval_count"]
    interval: str = recurring["interval"]
    return interval if count == 1 else f"every {count} {interval}s"


_SIGNS = {"usd": "$", "eur": "€", "gbp": "£"}


def money(cents: int, currency: str) -> str:
    """Format the amount: ``$20.00``, ``-€3.50``, ``12.00 CHF``."""
    sign = _SIGNS.get(currency)
    amount = f"{abs(cents) / 100:,.2f}"
    minus = "-" if cents < 0 else ""
    return f"{minus}{sign}{amount}" if sign else f"{minus}{amount} {currency.upper()}"


def write(world: World, invoice: Obj, line: Line, *, subscription: str | None) -> Obj:
    """Make the line an object of ``invoice``."""
    made = world.new(
        "line_item",
        "il",
        amount=line.amount,
        currency=invoice["currency"],
        description=line.description,
        discount_amounts=[],
        discountable=True,
        discounts=[],
        invoice=invoice["id"],
        metadata={},
        parent=_parent(line, subscription),
        period={"start": line.period[0], "end": line.period[1]},
        pretax_credit_amounts=[],
        pricing=pricing(line.price),
        quantity=line.quantity,
        quantity_decimal=None if line.quantity is None else str(line.quantity),
        subscription=subscription,
        subtotal=line.amount,
        taxes=[],
    )
    del made["created"]
    invoice["_lines"].append(made["id"])
    return made


def pricing(price: Obj | None) -> Obj | None:
    if price is None:
        return None
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def _parent(line: Line, subscription: str | None) -> Obj:
    details = {
        "invoice_item": line.invoice_item["id"] if line.invoice_item else None,
        "proration": line.proration,
        "proration_details": {"credited_items": None} if line.proration else None,
        "subscription": subscription,
    }
    if line.invoice_item is not None or not line.item:
        kind, other = "invoice_item_details", "subscription_item_details"
    else:
        kind, other = "subscription_item_details", "invoice_item_details"
        details["subscription_item"] = line.item
    return {"type": kind, kind: details, other: None}
