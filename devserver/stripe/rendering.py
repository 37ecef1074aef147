"""Rendering objects: lists filled in, references expanded, internal keys left out."""

import copy
from collections.abc import Callable
from typing import Any

from devserver.stripe.errors import ApiError, invalid
from devserver.stripe.store import Obj, Store

_DEEPEST = 4


def show(store: Store, obj: Obj, expand: list[str]) -> Obj:
    """Return ``obj`` in the API's form; raise ApiError for an invalid ``expand``."""
    shown = _plain(store, obj)
    for path in expand:
        parts = path.split(".")
        if len([part for part in parts if part != "data"]) > _DEEPEST:
            raise invalid(
                f"You cannot expand more than {_DEEPEST} levels of a property.", param="expand"
            )
        _expand(store, shown, parts, path)
    return shown


def listing(data: list[Any], *, url: str, has_more: bool = False) -> Obj:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def difference(before: Obj, after: Obj) -> Obj:
    """Return the former values of changed fields, for an event's ``previous_attributes``."""
    changed: Obj = {}
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            old, new = difference(old, new), {}
        if old != new:
            changed[key] = old
    return changed


def _plain(store: Store, obj: Obj) -> Obj:
    shown = {key: copy.deepcopy(value) for key, value in obj.items() if not key.startswith("_")}
    filled = _ALWAYS.get(obj["object"])
    if filled is not None:
        shown.update(filled(store, obj))
    return shown


def _expand(store: Store, node: Any, parts: list[str], path: str) -> None:
    if isinstance(node, list):
        for one in node:
            _expand(store, one, parts, path)
        return
    if not isinstance(node, dict):
        return
    key, *rest = parts
    on_demand = _ON_DEMAND.get((str(node.get("object")), key))
    if on_demand is not None:
        node[key] = on_demand(store, store.objects[node["id"]])
    elif key not in node:
        raise _not_expandable(path, key)
    else:
        node[key] = _resolved(store, node[key], path, last=not rest)
    if rest and node[key] is not None:
        _expand(store, node[key], rest, path)


def _resolved(store: Store, value: Any, path: str, *, last: bool) -> Any:
    if isinstance(value, list):
        return [_resolved(store, one, path, last=False) for one in value]
    if isinstance(value, str):
        found = store.objects.get(value)
        if found is not None:
            return _plain(store, found)
        if last:
            raise _not_expandable(path, path.rpartition(".")[2])
    return value


def _not_expandable(path: str, key: str) -> ApiError:
    message = (
        f"This property cannot be expanded ({path}). You may want to try expanding '{key}' "
        "on another object."
    )
    return invalid(message, param="expand", code=None)


# Fields that are rendered from other objects.


def _item(store: Store, item: Obj) -> Obj:
    price = _plain(store, store.objects[item["price"]])
    return {"price": price, "plan": plan_of(price)}


def plan_of(price: Obj) -> Obj:
    """Return a recurring price as a plan of the older API."""
    recurring = price["recurring"] or {}
    same = (
        "id",
        "active",
        "billing_scheme",
        "created",
        "currency",
        "livemode",
        "metadata",
        "nickname",
    )
    return {
        **{key: price[key] for key in same},
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "interval": recurring.get("interval"),
        "interval_count": recurring.get("interval_count"),
        "meter": None,
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": recurring.get("trial_period_days"),
        "usage_type": recurring.get("usage_type"),
    }


def _subscription(store: Store, subscription: Obj) -> Obj:
    items = [_plain(store, store.objects[ident]) for ident in subscription["_items"]]
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    return {"items": {**listing(items, url=url), "total_count": len(items)}}


def _invoice(store: Store, invoice: Obj) -> Obj:
    lines = [_plain(store, store.objects[ident]) for ident in invoice["_lines"]]
    url = f"/v1/invoices/{invoice['id']}/lines"
    return {"lines": {**listing(lines, url=url), "total_count": len(lines)}}


def _promotion_code(store: Store, code: Obj) -> Obj:
    return {"promotion": {"type": "coupon", "coupon": code["_coupon"]}}


_ALWAYS: dict[str, Callable[[Store, Obj], Obj]] = {
    "subscription_item": _item,
    "subscription": _subscription,
    "invoice": _invoice,
    "promotion_code": _promotion_code,
}

# Fields that are rendered only with `expand`.


def _payments(store: Store, invoice: Obj) -> Obj:
    data = [_plain(store, store.objects[ident]) for ident in invoice["_payments"]]
    return listing(data, url=f"/v1/invoice_payments?invoice={invoice['id']}")


def _confirmation_secret(store: Store, invoice: Obj) -> Obj | None:
    intent = store.objects.get(invoice["_intent"] or "")
    if intent is None:
        return None
    return {"client_secret": intent["client_secret"], "type": "payment_intent"}


def _customers(kind: str) -> Callable[[Store, Obj], Obj]:
    def held(store: Store, customer: Obj) -> Obj:
        data = [
            _plain(store, one)
            for one in store.newest_first(kind)
            if one["customer"] == customer["id"] and one.get("status") != "canceled"
        ]
        return listing(data, url=f"/v1/customers/{customer['id']}/{kind}s")

    return held


def _none(path: str) -> Callable[[Store, Obj], Obj]:
    return lambda _, obj: listing([], url=f"/v1/customers/{obj['id']}/{path}")


def _session_lines(_: Store, session: Obj) -> Obj:
    data = copy.deepcopy(session["_line_items"])
    return listing(data, url=f"/v1/checkout/sessions/{session['id']}/line_items")


def _refunds(store: Store, charge: Obj) -> Obj:
    data = [
        _plain(store, one) for one in store.newest_first("refund") if one["charge"] == charge["id"]
    ]
    return listing(data, url=f"/v1/charges/{charge['id']}/refunds")


def _applies_to(_: Store, coupon: Obj) -> Obj | None:
    products = coupon["_products"]
    return {"products": list(products)} if products else None


_ON_DEMAND: dict[tuple[str, str], Callable[[Store, Obj], Obj | None]] = {
    ("invoice", "payments"): _payments,
    ("invoice", "confirmation_secret"): _confirmation_secret,
    ("customer", "subscriptions"): _customers("subscription"),
    ("customer", "sources"): _none("sources"),
    ("customer", "tax_ids"): _none("tax_ids"),
    ("checkout.session", "line_items"): _session_lines,
    ("charge", "refunds"): _refunds,
    ("coupon", "applies_to"): _applies_to,
}
