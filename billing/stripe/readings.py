"""Reading fields of Stripe objects in API version 2026-08-26.dahlia. Pure.

The period of a subscription is in its items, the subscription of an invoice in its parent, and the
price of a line in its pricing.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Obj = dict[str, Any]


@dataclass(frozen=True)
class Bought:
    """What an invoice was for. ``whole``: a period from its start, not the rest of one."""

    price: str
    start: datetime
    end: datetime
    whole: bool


def moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else at(seconds)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def identifier(found: Obj | str | None) -> str | None:
    """Return the id of an object, be it expanded or not."""
    return found["id"] if isinstance(found, dict) else found


def status_of(subscription: Obj) -> str:
    """Return the status; `unpaid` while its invoices are voided, which Stripe calls active.

    https://docs.stripe.com/billing/subscriptions/pause-payment: so a service is paused that nobody
    pays for. The other ways of pausing collection are for services that go on.
    """
    pause = subscription.get("pause_collection") or {}
    status = str(subscription["status"])
    is_voided = pause.get("behavior") == "void"
    return "unpaid" if is_voided and status in ("active", "trialing", "past_due") else status


def price_of(subscription: Obj) -> str:
    return str(identifier(_item(subscription)["price"]))


def period_of(subscription: Obj) -> tuple[datetime, datetime]:
    item = _item(subscription)
    return at(item["current_period_start"]), at(item["current_period_end"])


def ends_with_period(subscription: Obj) -> bool:
    """Tell whether the subscription is to end, by either of the ways that Stripe has to say so."""
    return bool(subscription["cancel_at_period_end"] or subscription.get("cancel_at"))


def open_schedule(subscription: Obj) -> str | None:
    """Return the id of the schedule that rules the subscription, if one does."""
    schedule = subscription.get("schedule")
    if isinstance(schedule, dict) and schedule["status"] in ("active", "not_started"):
        return str(schedule["id"])
    return None


def price_to_come(subscription: Obj) -> str | None:
    """Return the price that a schedule changes to, if one does."""
    schedule = subscription.get("schedule")
    if not isinstance(schedule, dict) or schedule["status"] != "active":
        return None
    beside = {identifier(item["price"]) for item in subscription["items"]["data"][1:]}
    to_come = [identifier(item["price"]) for item in schedule["phases"][-1]["items"]]
    found = next((price for price in to_come if price not in beside), None)
    return None if found == price_of(subscription) else found


def subscription_of(invoice: Obj) -> str | None:
    """Return the subscription of an invoice, also of an event in an older version's shape."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return identifier(details.get("subscription") or invoice.get("subscription"))


def intent_of(invoice: Obj) -> str | None:
    """Return the id of the payment intent of an invoice, the latest where there are several."""
    payments = (invoice.get("payments") or {}).get("data") or []
    intents = [identifier(one["payment"].get("payment_intent")) for one in payments]
    return next((intent for intent in reversed(intents) if intent), None)


def client_secret(invoice: Obj) -> str | None:
    return (invoice.get("confirmation_secret") or {}).get("client_secret")


def bought_by(invoice: Obj) -> Bought | None:
    """Return what the invoice was for: its whole period, or else the dearest rest of one."""
    lines = [line for line in invoice["lines"]["data"] if _price(line) and line["amount"] >= 0]
    if not lines:
        return None
    line = max(lines, key=lambda one: (not _prorated(one), one["period"]["end"], one["amount"]))
    start, end = (at(line["period"][name]) for name in ("start", "end"))
    return Bought(str(_price(line)), start, end, whole=not _prorated(line))


def _item(subscription: Obj) -> Obj:
    item: Obj = subscription["items"]["data"][0]
    return item


def _price(line: Obj) -> str | None:
    details = (line.get("pricing") or {}).get("price_details") or {}
    return identifier(details.get("price"))


def _prorated(line: Obj) -> bool:
    parent = line.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    return bool(details.get("proration"))
