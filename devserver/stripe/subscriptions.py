"""Creating, reading and canceling subscriptions. ``subscription_changes`` updates them."""

from dataclasses import dataclass
from typing import Any

from devserver.stripe import (
    cancellation,
    discounts,
    invoices,
    items,
    lines,
    listing,
    payment_methods,
    payments,
    periods,
    standing,
)
from devserver.stripe.clock import DAY, HOUR
from devserver.stripe.errors import invalid
from devserver.stripe.lines import Part
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj
from devserver.stripe.world import World

WAITS = 23 * HOUR  # for a first payment, and for a pending update's
WARNING = 3 * DAY  # before a trial ends


@dataclass(frozen=True)
class Start:
    """The validated parameters of a new subscription."""

    customer: Obj
    parts: list[Part]
    method: Obj | None
    trial_end: int | None
    behavior: str


def create(world: World, params: Obj) -> Obj:
    start = _start(world, params)
    _check_payable(world, start, params)
    subscription = begin(world, start, params)
    if start.behavior == "default_incomplete" or subscription["status"] == "trialing":
        announce(world, subscription)
    first_invoice(world, subscription, start)
    announce(world, subscription)
    return subscription


def _start(world: World, params: Obj) -> Start:
    if "customer" not in params:
        raise invalid("Must provide customer.", param="customer", code="parameter_missing")
    customer = world.store.get("customer", params["customer"], param="customer")
    parts = items.asked_for(world, params.get("items") or [])
    method = None
    if ident := params.get("default_payment_method"):
        method = payment_methods.owned(world, ident, customer, param="default_payment_method")
    default = customer["invoice_settings"]["default_payment_method"]
    method = method or world.store.find("payment_method", default)
    behavior = params.get("payment_behavior", "allow_incomplete")
    return Start(customer, parts, method, trial_end(world, params, parts), behavior)


def trial_end(world: World, params: Obj, parts: list[Part]) -> int | None:
    """Return the end of the requested trial, if any."""
    days = params.get("trial_period_days")
    moment = params.get("trial_end")
    if days is not None and moment is not None:
        raise invalid("You cannot specify both `trial_end` and `trial_period_days`.",
                      param="trial_period_days")  # fmt: skip
    if params.get("trial_from_plan") and days is None:
        days = parts[0].price["recurring"]["trial_period_days"]
    if days is not None:
        if not 0 <= days <= 730:
            raise invalid("The maximum number of trial period days is 730 (2 years).",
                          param="trial_period_days")  # fmt: skip
        return world.now() + days * DAY if days else None
    if moment in (None, "now"):
        return None
    if int(moment) <= world.now():
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.",
                      param="trial_end")  # fmt: skip
    return int(moment)


def _check_payable(world: World, start: Start, params: Obj) -> None:
    if start.method is None:
        _check_may_lack_card(start, params)
        return
    if start.behavior == "error_if_incomplete" and _costs(start):
        decline = payments.would_decline(start.method)
        if decline is not None:
            raise decline.error(payment_method=world.show(start.method))


def _costs(start: Start) -> bool:
    return start.trial_end is None and any(part.amount for part in start.parts)


def _check_may_lack_card(start: Start, params: Obj) -> None:
    manual = params.get("collection_method") == "send_invoice"
    if start.behavior == "default_incomplete" or manual or not _costs(start):
        return
    message = (
        "This customer has no attached payment source or default payment method. Please consider "
        "adding a default payment method. For more information, visit "
        "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority."
    )
    raise invalid(message, code="resource_missing")


def begin(world: World, start: Start, params: Obj) -> Obj:
    """Create the subscription and its items in its first period or trial, without an event yet."""
    now = world.now()
    subscription = world.new("subscription", "sub", **_blank(world, start, params))
    items.replace(world, subscription, start.parts)
    if start.trial_end is not None:
        subscription["billing_cycle_anchor"] = start.trial_end
        items.set_period(world, subscription, now, start.trial_end)
    else:
        anchor = params.get("billing_cycle_anchor")
        if anchor is not None:
            subscription["billing_cycle_anchor"] = anchor
        items.start_period(world, subscription, now)
    try:
        found = discounts.redeem_all(world, params.get("discounts"), subscription)
    except Exception:
        _unmake(world, subscription)
        raise
    subscription["discounts"] = found
    at, period_end = params.get("cancel_at"), params.get("cancel_at_period_end", False)
    if at or period_end:
        cancellation.plan(world, subscription, at=int(at) if at else None, period_end=period_end)
    return subscription


def _unmake(world: World, subscription: Obj) -> None:
    for item in items.of(world, subscription):
        world.store.remove(item)
    world.store.remove(subscription)


def _blank(world: World, start: Start, params: Obj) -> Obj:
    now = world.now()
    mode = (params.get("billing_mode") or {}).get("type", "flexible")
    flexible = {"proration_discounts": "included"} if mode == "flexible" else None
    given = params.get("payment_settings") or {}
    nothing = (
        "application", "application_fee_percent", "billing_cycle_anchor_config",
        "billing_thresholds", "cancel_at", "canceled_at", "customer_account", "default_source",
        "ended_at", "latest_invoice", "next_pending_invoice_item_invoice", "on_behalf_of",
        "pause_collection", "pending_invoice_item_interval", "pending_setup_intent",
        "pending_update", "schedule", "test_clock", "transfer_data",
        "_pending_invoice", "_pending_parts", "_pending_reset",
    )  # fmt: skip
    return {
        **dict.fromkeys(nothing),
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": now,
        "billing_mode": {"flexible": flexible, "type": mode, "updated_at": now},
        "billing_schedules": [],
        "cancel_at_period_end": False,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": params.get("collection_method", "charge_automatically"),
        "currency": start.parts[0].price["currency"],
        "customer": start.customer["id"],
        "days_until_due": params.get("days_until_due"),
        "default_payment_method": start.method["id"]
        if start.method and params.get("default_payment_method")
        else None,
        "default_tax_rates": [],
        "description": params.get("description"),
        "discounts": [],
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "metadata": merged({}, params.get("metadata") or {}),
        "payment_settings": {
            "payment_method_options": given.get("payment_method_options"),
            "payment_method_types": given.get("payment_method_types"),
            "save_default_payment_method": given.get("save_default_payment_method", "off"),
        },
        "start_date": now,
        "status": "incomplete" if start.trial_end is None else "trialing",
        "trial_end": start.trial_end,
        "trial_settings": params.get("trial_settings")
        or {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": now if start.trial_end is not None else None,
        "_items": [],
        "_announced": False,
        "_warned": False,
    }


def announce(world: World, subscription: Obj) -> None:
    """Send the event of its creation, once."""
    if subscription["_announced"]:
        return
    subscription["_announced"] = True
    world.emit("customer.subscription.created", subscription)
    warn_of_trial_end(world, subscription)


def warn_of_trial_end(world: World, subscription: Obj) -> None:
    """Send the event three days before the trial ends, or at once for shorter trials."""
    if subscription["status"] != "trialing" or subscription["_warned"]:
        return
    if subscription["trial_end"] - world.now() <= WARNING:
        subscription["_warned"] = True
        world.emit("customer.subscription.trial_will_end", subscription)


def first_invoice(world: World, subscription: Obj, start: Start) -> Obj:
    """Bill the first period or trial, and collect unless the client confirms the payment."""
    parts = items.parts_of(world, subscription)
    period = items.period_of(world, subscription)
    trial = subscription["trial_end"] is not None
    wanted = (lines.for_trial if trial else lines.for_period)(world, parts, period)
    invoice = invoices.draft(
        world, start.customer, wanted, reason="subscription_create",
        currency=subscription["currency"], subscription=subscription,
    )  # fmt: skip
    invoice["_retry"] = False
    subscription["latest_invoice"] = invoice["id"]
    start.customer["currency"] = subscription["currency"]
    invoices.announce(world, invoice)
    invoices.finalize(world, invoice)
    _end_discounts(world, subscription, invoice)
    if invoice["status"] == "open" and start.behavior != "default_incomplete":
        invoices.collect(world, invoice, method=start.method)
    return invoice


def _end_discounts(world: World, subscription: Obj, invoice: Obj) -> None:
    used = [world.store.objects[ident] for ident in invoice["discounts"]]
    ending = [one for one in used if discounts.coupon_of(world, one)["duration"] == "once"]
    spent = {one["id"] for one in ending}
    subscription["discounts"] = [one for one in subscription["discounts"] if one not in spent]


def renew(world: World, subscription: Obj) -> None:
    """Begin the next period, and draft its invoice."""
    usage = items.period_of(world, subscription)
    waits = world.settings.finalization_seconds
    with standing.changing(world, subscription):
        period = items.start_period(world, subscription, usage[1])
        wanted = lines.for_period(world, items.parts_of(world, subscription), period)
        invoice = draft_for(world, subscription, wanted, reason="subscription_cycle", period=usage)
        subscription["latest_invoice"] = invoice["id"]
        if subscription["status"] == "trialing":
            subscription["status"] = "active"
    if subscription["status"] == "unpaid":
        invoice["auto_advance"] = False
    invoices.announce(world, invoice, finalizes_in=waits if invoice["auto_advance"] else None)


def draft_for(
    world: World, subscription: Obj, wanted: list[lines.Line], *, reason: str, **given: Any
) -> Obj:
    """Draft an invoice of the subscription, with pending prorations."""
    customer = world.store.get("customer", subscription["customer"])
    pending = pending_items(world, subscription)
    invoice = invoices.draft(
        world, customer, [*pending, *wanted], reason=reason,
        currency=subscription["currency"], subscription=subscription, **given,
    )  # fmt: skip
    for line in pending:
        assert line.invoice_item is not None
        line.invoice_item["invoice"] = invoice["id"]
    _end_discounts(world, subscription, invoice)
    return invoice


def pending_items(world: World, subscription: Obj) -> list[lines.Line]:
    return [
        lines.Line(
            one["amount"],
            one["description"],
            (one["period"]["start"], one["period"]["end"]),
            world.store.find("price", one["_price"]),
            one["quantity"],
            "",
            one["proration"],
            one,
        )
        for one in world.store.oldest_first("invoiceitem")
        if one["_subscription"] == subscription["id"] and one["invoice"] is None
    ]


def end_trial(world: World, subscription: Obj) -> None:
    """Bill the first period after the trial; without a card, the trial's settings decide."""
    customer = world.store.get("customer", subscription["customer"])
    card = (
        subscription["default_payment_method"]
        or customer["invoice_settings"]["default_payment_method"]
    )
    lacking = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if card is None and lacking == "cancel":
        cancellation.cancel_now(world, subscription)
    elif card is None and lacking == "pause":
        with world.changing(subscription, "customer.subscription.updated"):
            subscription["status"] = "paused"
        world.emit("customer.subscription.paused", subscription)
    else:
        renew(world, subscription)


def next_boundary(world: World, subscription: Obj, start: int) -> int:
    interval, count = items.rhythm(items.parts_of(world, subscription))
    return periods.step(start, interval=interval, count=count)


# The endpoints for reading and canceling.


def retrieve(world: World, params: Obj, *, subscription: str) -> Obj:
    return world.store.get("subscription", subscription)


def cancel(world: World, params: Obj, *, subscription: str) -> Obj:
    found = world.store.get("subscription", subscription)
    if found["status"] in standing.OVER:
        message = f"No such subscription: '{subscription}'"
        raise invalid(message, code="resource_missing", param="id")
    if found["status"] == "incomplete":
        invoice = world.store.find("invoice", found["latest_invoice"])
        if invoice is not None and invoice["status"] == "open":
            invoices.void(world, invoice)
    prorate, at_once = params.get("prorate", False), params.get("invoice_now", False)
    details = params.get("cancellation_details")
    return cancellation.cancel_now(
        world, found, details=details, prorate=prorate, invoice_now=at_once
    )


def index(world: World, params: Obj) -> Obj:
    same = ("customer", "collection_method", "test_clock")
    found = listing.matching(world.store.newest_first("subscription"), params, *same)
    status = params.get("status")
    if status is None:
        found = (row for row in found if row["status"] not in standing.OVER)
    elif status == "ended":
        found = (row for row in found if row["status"] in standing.OVER)
    elif status != "all":
        found = (row for row in found if row["status"] == status)
    if price := params.get("price"):
        found = (row for row in found if price in [item["price"] for item in items.of(world, row)])
    return listing.page(world, found, params, url="/v1/subscriptions")


def search(world: World, params: Obj) -> Obj:
    rows = world.store.newest_first("subscription")
    return listing.search(world, rows, params, url="/v1/subscriptions/search")


def list_items(world: World, params: Obj) -> Obj:
    found = world.store.get("subscription", params["subscription"], param="subscription")
    rows = reversed(items.of(world, found))
    return listing.page(world, rows, params, url="/v1/subscription_items")


def retrieve_item(world: World, params: Obj, *, item: str) -> Obj:
    return world.store.get("subscription_item", item)
