"""Compares the fake Stripe's objects with the classes of the `stripe` package.

Stripe generates these from its specification: each field has a type, and only fields that can be
null or absent are optional.
"""

import inspect
import typing
from collections.abc import Iterator
from typing import Any

import stripe
from stripe import StripeClient, StripeObject

_LISTED: dict[str, type[StripeObject]] = {
    "products": stripe.Product,
    "prices": stripe.Price,
    "customers": stripe.Customer,
    "payment_methods": stripe.PaymentMethod,
    "subscriptions": stripe.Subscription,
    "subscription_schedules": stripe.SubscriptionSchedule,
    "invoices": stripe.Invoice,
    "invoiceitems": stripe.InvoiceItem,
    "invoice_payments": stripe.InvoicePayment,
    "charges": stripe.Charge,
    "payment_intents": stripe.PaymentIntent,
    "setup_intents": stripe.SetupIntent,
    "refunds": stripe.Refund,
    "disputes": stripe.Dispute,
    "balance_transactions": stripe.BalanceTransaction,
    "events": stripe.Event,
}
_WITHIN: dict[str, type[StripeObject]] = {
    "line_item": stripe.InvoiceLineItem,
    "subscription_item": stripe.SubscriptionItem,
    "plan": stripe.Plan,
    "price": stripe.Price,
}


def faults_of(client: StripeClient) -> list[str]:
    """Return missing, null, wrongly typed and unknown fields of all objects, and empty lists."""
    found: set[str] = set()
    for path, kind in _LISTED.items():
        answer = client.raw_request("get", f"/v1/{path}", limit=100)
        rows = client.deserialize(answer, api_mode="V1").to_dict()["data"]
        found |= {f"no {path}"} if not rows else set()
        for row in rows:
            found |= set(_faults(row, kind, kind.__name__))
    return sorted(found)


def _faults(row: dict[str, Any], kind: type, at: str) -> Iterator[str]:
    known = {
        key: hint
        for key, hint in kind.__annotations__.items()
        if key != "OBJECT_NAME" and not key.startswith("_")
    }
    yield from (f"unknown {at}.{key}" for key in row if key not in known)
    for key, hint in known.items():
        optional = type(None) in typing.get_args(hint)
        if row.get(key) is None:
            yield from [] if optional else [f"missing {at}.{key}"]
        else:
            yield from _faults_of_value(row[key], hint, f"{at}.{key}")


def _faults_of_value(value: Any, hint: Any, at: str) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield from _faults_of_dict(one, hint, at)
    if hint in (int, str, bool) and type(value) is not hint:
        yield f"ill-typed {at}: {value!r}"


def _faults_of_dict(value: dict[str, Any], hint: Any, at: str) -> Iterator[str]:
    name = value.get("object")
    if name == "list":
        for one in value["data"]:
            yield from _faults_of_dict(one, hint, at)
    elif isinstance(name, str) and name in _WITHIN:
        yield from _faults(value, _WITHIN[name], at)
    elif (kind := _nested(hint)) is not None:
        yield from _faults(value, kind, at)


def _nested(hint: Any) -> type | None:
    """Return the package's nested class for this field, if any."""
    for one in (
        hint,
        *typing.get_args(hint),
        *(a for h in typing.get_args(hint) for a in typing.get_args(h)),
    ):
        if inspect.isclass(one) and issubclass(one, StripeObject) and "." in one.__qualname__:
            return one
    return None
