"""The API endpoints for invoices."""

from typing import Any

from devserver.stripe import (
    invoices,
    items,
    lines,
    listing,
    payment_methods,
    periods,
    subscriptions,
)
from devserver.stripe import subscription_changes as changes
from devserver.stripe.errors import invalid, required
from devserver.stripe.lines import Line
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj
from devserver.stripe.world import World


def retrieve(world: World, params: Obj, *, invoice: str) -> Obj:
    return world.store.get("invoice", invoice)


def index(world: World, params: Obj) -> Obj:
    same = ("customer", "status", "collection_method")
    found = listing.matching(world.store.newest_first("invoice"), params, *same)
    if subscription := params.get("subscription"):
        found = (row for row in found if _subscription_of(row) == subscription)
    return listing.page(world, found, params, url="/v1/invoices")


def _subscription_of(invoice: Obj) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    found: str | None = details.get("subscription")
    return found


def search(world: World, params: Obj) -> Obj:
    return listing.search(
        world, world.store.newest_first("invoice"), params, url="/v1/invoices/search"
    )


def list_lines(world: World, params: Obj, *, invoice: str) -> Obj:
    rows = invoices.lines_of(world, world.store.get("invoice", invoice))
    return listing.page(world, rows, params, url=f"/v1/invoices/{invoice}/lines")


def update(world: World, params: Obj, *, invoice: str) -> Obj:
    found = world.store.get("invoice", invoice)
    with world.changing(found, "invoice.updated"):
        for key in ("description", "auto_advance", "default_payment_method"):
            if key in params:
                found[key] = params[key]
        if "metadata" in params:
            found["metadata"] = merged(found["metadata"], params["metadata"])
    return found


def finalize(world: World, params: Obj, *, invoice: str) -> Obj:
    found = world.store.get("invoice", invoice)
    invoices.finalize(world, found)
    return found


def pay(world: World, params: Obj, *, invoice: str) -> Obj:
    found = world.store.get("invoice", invoice)
    if found["status"] == "draft":
        invoices.finalize(world, found)
    elif found["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    elif found["status"] not in ("open", "uncollectible"):
        raise invalid(f"This invoice is {found['status']} and cannot be paid.")
    if found["status"] == "paid":
        return found
    if params.get("paid_out_of_band"):
        invoices.mark_paid(world, found, outside=True)
        return found
    method = _card_for(world, found, params)
    if invoices.collect(world, found, method=method) != "succeeded":
        raise invoices.decline_of(world, found)
    return found


def _card_for(world: World, invoice: Obj, params: Obj) -> Obj:
    customer = world.store.get("customer", invoice["customer"])
    if ident := params.get("payment_method"):
        return payment_methods.owned(world, ident, customer, param="payment_method")
    method = invoices.method_of(world, invoice)
    if method is None:
        message = (
            "There is no `default_payment_method` set on this Customer or Invoice. Please attach a "
            "payment method and try again."
        )
        raise invalid(message, code="invoice_no_customer_line_items")
    return method


def void(world: World, params: Obj, *, invoice: str) -> Obj:
    found = world.store.get("invoice", invoice)
    invoices.void(world, found)
    return found


def mark_uncollectible(world: World, params: Obj, *, invoice: str) -> Obj:
    found = world.store.get("invoice", invoice)
    if found["status"] != "open":
        raise invalid("You can only mark open invoices as uncollectible.")
    found.update(status="uncollectible", next_payment_attempt=None, auto_advance=False)
    found["status_transitions"]["marked_uncollectible_at"] = world.now()
    world.emit("invoice.marked_uncollectible", found)
    return found


def list_payments(world: World, params: Obj) -> Obj:
    rows = listing.matching(
        world.store.newest_first("invoice_payment"), params, "invoice", "status"
    )
    if payment := params.get("payment"):
        rows = (
            row for row in rows if row["payment"]["payment_intent"] == payment.get("payment_intent")
        )
    return listing.page(world, rows, params, url="/v1/invoice_payments")


def retrieve_payment(world: World, params: Obj, *, payment: str) -> Obj:
    return world.store.get("invoice_payment", payment)


def list_items(world: World, params: Obj) -> Obj:
    rows = listing.matching(world.store.newest_first("invoiceitem"), params, "customer", "invoice")
    if params.get("pending"):
        rows = (row for row in rows if row["invoice"] is None)
    return listing.page(world, rows, params, url="/v1/invoiceitems")


def retrieve_item(world: World, params: Obj, *, item: str) -> Obj:
    return world.store.get("invoiceitem", item)


# The preview.


def preview(world: World, params: Obj) -> Obj:
    """Return a preview of the next invoice, without creating it."""
    details = params.get("subscription_details") or {}
    ident = params.get("subscription")
    if ident:
        return _of_change(
            world, world.store.get("subscription", ident, param="subscription"), details, params
        )
    if not details.get("items"):
        raise required("subscription_details[items]")
    customer = world.store.get("customer", params.get("customer"), param="customer")
    parts = items.asked_for(world, details["items"], param="subscription_details[items]")
    interval, count = items.rhythm(parts)
    now = world.now()
    period = now, periods.step(now, interval=interval, count=count)
    wanted = lines.for_period(world, parts, period)
    return _shown(
        world,
        customer,
        wanted,
        None,
        params,
        currency=parts[0].price["currency"],
        reason="upcoming",
    )


def _of_change(world: World, subscription: Obj, details: Obj, params: Obj) -> Obj:
    customer = world.store.get("customer", subscription["customer"])
    change = changes.change_of(world, subscription, details)
    cancels = (
        details.get("cancel_now")
        or details.get("cancel_at_period_end")
        or (
            subscription["cancel_at_period_end"]
            and details.get("cancel_at_period_end") is not False
        )
    )
    if change is None and (cancels or subscription["status"] == "canceled"):
        raise invalid("No upcoming invoices for customer: " + customer["id"],
                      code="invoice_upcoming_none")  # fmt: skip
    if change is not None and change.now:
        period = changes.new_period(world, change) if change.reset else None
        wanted = changes.lines_now(world, subscription, change, period)
    else:
        wanted = _next_invoice(world, subscription, change)
    at = details.get("proration_date")
    given = {"currency": subscription["currency"], "reason": "upcoming", "proration_date": at}
    return _shown(world, customer, wanted, subscription, params, **given)


def _next_invoice(world: World, subscription: Obj, change: "changes.Change | None") -> list[Line]:
    end = items.period_of(world, subscription)[1]
    parts = change.after if change else items.parts_of(world, subscription)
    interval, count = items.rhythm(parts)
    anchor = subscription["billing_cycle_anchor"]
    period = (
        end,
        periods.end_after(end, anchor=anchor, interval=interval, count=count),
    )
    prorations = change.prorations if change else []
    pending = subscriptions.pending_items(world, subscription)
    return [*pending, *prorations, *lines.for_period(world, parts, period)]


def _shown(
    world: World,
    customer: Obj,
    wanted: list[Line],
    subscription: Obj | None,
    params: Obj,
    **given: Any,
) -> Obj:
    counts = dict(world.store.counts)
    invoice = invoices.draft(world, customer, wanted, subscription=subscription, **given)
    try:
        shown = world.show(invoice, params.get("expand"))
    finally:
        for row in [*invoices.lines_of(world, invoice), invoice]:
            world.store.remove(row)
        world.store.counts = counts
    return {
        **shown,
        "id": f"upcoming_{invoice['id']}",
        "next_payment_attempt": invoice["period_end"],
    }
