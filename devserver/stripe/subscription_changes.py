"""Updates of subscriptions: other items now or later, cancellation, trials, cards."""

from dataclasses import dataclass

from devserver.stripe import (
    cancellation,
    discounts,
    invoices,
    items,
    lines,
    payment_methods,
    payments,
    periods,
    standing,
    subscriptions,
)
from devserver.stripe.errors import invalid
from devserver.stripe.lines import Line, Part, Period
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj
from devserver.stripe.world import World

_CANCELLING = ("cancel_at", "cancel_at_period_end")
_PENDABLE = frozenset({"items", "proration_behavior", "proration_date", "payment_behavior",
                       "trial_end", "billing_cycle_anchor", "expand", "trial_from_plan",
                       "off_session", "metadata", "discounts"})  # fmt: skip


@dataclass(frozen=True)
class Change:
    """The items after an update: ``reset`` if a new period begins with it."""

    before: list[Part]
    after: list[Part]
    reset: bool
    prorations: list[Line]
    now: bool  # billed at once, not with the next invoice


def update(world: World, params: Obj, *, subscription: str) -> Obj:
    found = world.store.get("subscription", subscription)
    _check_open(found, params)
    change = change_of(world, found, params)
    behavior = params.get("payment_behavior", "allow_incomplete")
    if behavior == "pending_if_incomplete":
        _check_pendable(params)
    if (
        change is not None
        and change.now
        and behavior in ("error_if_incomplete", "pending_if_incomplete")
    ):
        decline = payments.would_decline(_card(world, found))
        if decline is not None and _due(world, found, change, params) > 0:
            if behavior == "pending_if_incomplete":
                return _hold(world, found, change, params)
            raise decline.error()
    with world.changing(found, "customer.subscription.updated"):
        _write(world, found, params)
        bill = _apply(world, found, change, params) if change else None
    if bill is not None:
        _collect(world, found, bill, behavior)
    return found


def _check_open(subscription: Obj, params: Obj) -> None:
    if subscription["status"] in standing.OVER:
        allowed = {"metadata", "cancellation_details", "expand"}
        if not params.keys() <= allowed:
            message = (
                "A canceled subscription can only update its cancellation_details and metadata."
            )
            raise invalid(message)
    if subscription["schedule"] and any(key in params for key in _CANCELLING):
        message = (
            "The subscription is managed by the subscription schedule "
            f"`{subscription['schedule']}`, and updating any cancelation behavior directly is not "
            "allowed. Please update the schedule instead."
        )
        raise invalid(message)


def _check_pendable(params: Obj) -> None:
    for key in params.keys() - _PENDABLE:
        message = (
            f"When `payment_behavior` is set to `pending_if_incomplete`, you cannot pass `{key}`."
        )
        raise invalid(message, param=key)


def change_of(world: World, subscription: Obj, params: Obj) -> Change | None:
    """Return the change of items and period by the parameters, if any."""
    before = items.parts_of(world, subscription)
    given = params.get("items")
    after = items.changed_to(world, subscription, given) if given else before
    trial_over = params.get("trial_end") == "now" and subscription["status"] == "trialing"
    anchored = params.get("billing_cycle_anchor") == "now"
    if after == before and not trial_over and not anchored:
        return None
    running = subscription["status"] == "trialing" and not trial_over
    faster = items.rhythm(after) != items.rhythm(before)
    begins = sum(part.amount for part in before) == 0 < sum(part.amount for part in after)
    reset = not running and (trial_over or anchored or faster or begins)
    behavior = params.get("proration_behavior", "create_prorations")
    wanted: list[Line] = []
    if behavior != "none" and subscription["status"] in ("active", "past_due"):
        wanted = _prorations(world, subscription, before, after, reset, params)
    return Change(
        before, after, reset, wanted, reset or (behavior == "always_invoice" and bool(wanted))
    )


def _prorations(
    world: World, subscription: Obj, before: list[Part], after: list[Part], reset: bool, params: Obj
) -> list[Line]:
    period = items.period_of(world, subscription)
    at = params.get("proration_date", world.now())
    if not period[0] <= at <= period[1]:
        message = (
            "Cannot specify proration date outside of current subscription period: "
            f"{period[0]} - {period[1]}"
        )
        raise invalid(message, param="proration_date")
    if reset:
        return lines.unused(world, before=before, period=period, at=at)
    return lines.prorated(world, before=before, after=after, period=period, at=at)


def lines_now(world: World, subscription: Obj, change: Change, period: Period | None) -> list[Line]:
    """Return the lines that are billed at once; ``period`` is the new one if one begins."""
    if period is None:
        return change.prorations
    return [*change.prorations, *lines.for_period(world, change.after, period)]


def new_period(world: World, change: Change) -> Period:
    """Return the period that a reset begins."""
    now = world.now()
    interval, count = items.rhythm(change.after)
    return now, periods.step(now, interval=interval, count=count)


def _due(world: World, subscription: Obj, change: Change, params: Obj) -> int:
    customer = world.store.get("customer", subscription["customer"])
    period = new_period(world, change) if change.reset else None
    amounts = [line.amount for line in lines_now(world, subscription, change, period)]
    used = discounts.in_force(world, subscription, customer)
    off = sum(sum(taken) for _, taken in discounts.shares(world, used, amounts))
    return sum(amounts) - off + int(customer["balance"])


def _card(world: World, subscription: Obj) -> Obj | None:
    customer = world.store.get("customer", subscription["customer"])
    default = customer["invoice_settings"]["default_payment_method"]
    return world.store.find("payment_method", subscription["default_payment_method"] or default)


def _write(world: World, subscription: Obj, params: Obj) -> None:
    for key in ("description", "collection_method", "days_until_due", "trial_settings"):
        if key in params:
            subscription[key] = params[key]
    if "metadata" in params:
        subscription["metadata"] = merged(subscription["metadata"], params["metadata"])
    if "pause_collection" in params:
        given = params["pause_collection"]
        subscription["pause_collection"] = {"resumes_at": None, **given} if given else None
    if "payment_settings" in params:
        subscription["payment_settings"].update(params["payment_settings"] or {})
    if "cancellation_details" in params:
        subscription["cancellation_details"].update(params["cancellation_details"] or {})
    if "discounts" in params:
        subscription["discounts"] = discounts.redeem_all(world, params["discounts"], subscription)
    _write_card(world, subscription, params)
    _write_cancellation(world, subscription, params)
    _write_trial(world, subscription, params)


def _write_card(world: World, subscription: Obj, params: Obj) -> None:
    if "default_payment_method" not in params:
        return
    ident = params["default_payment_method"]
    if ident:
        customer = world.store.get("customer", subscription["customer"])
        payment_methods.owned(world, ident, customer, param="default_payment_method")
    subscription["default_payment_method"] = ident or None


def _write_cancellation(world: World, subscription: Obj, params: Obj) -> None:
    if "cancel_at_period_end" in params and params.get("cancel_at"):
        raise invalid(
            "You may only specify one of these parameters: cancel_at, cancel_at_period_end."
        )
    if "cancel_at_period_end" in params:
        cancellation.plan(world, subscription, at=None, period_end=params["cancel_at_period_end"])
    elif "cancel_at" in params:
        at = params["cancel_at"]
        ends = at in ("min_period_end", "max_period_end")
        cancellation.plan(
            world, subscription, at=int(at) if at and not ends else None, period_end=ends
        )


def _write_trial(world: World, subscription: Obj, params: Obj) -> None:
    moment = params.get("trial_end")
    if moment in (None, "now"):
        return
    end = subscriptions.trial_end(world, {"trial_end": moment}, [])
    assert end is not None
    start = items.period_of(world, subscription)[0]
    subscription.update(status="trialing", trial_end=end, billing_cycle_anchor=end, _warned=False)
    subscription["trial_start"] = subscription["trial_start"] or world.now()
    items.set_period(world, subscription, start, end)


def _apply(world: World, subscription: Obj, change: Change, params: Obj) -> Obj | None:
    """Change the items; return the draft invoice that is billed at once, if any."""
    usage = items.period_of(world, subscription)
    items.replace(world, subscription, change.after)
    period = None
    if change.reset:
        if subscription["status"] == "trialing":
            subscription.update(status="active", trial_end=world.now())
        period = items.start_period(world, subscription, world.now(), reset=True)
    if not change.now:
        for line in change.prorations:
            _pend(world, subscription, line)
        return None
    known = Change(
        change.before, items.parts_of(world, subscription), change.reset, change.prorations, True
    )
    wanted = lines_now(world, subscription, known, period)
    bill = subscriptions.draft_for(
        world, subscription, wanted, reason="subscription_update", period=usage,
        proration_date=params.get("proration_date"),
    )  # fmt: skip
    subscription["latest_invoice"] = bill["id"]
    return bill


def _pend(world: World, subscription: Obj, line: Line) -> None:
    """Keep a proration for the next invoice."""
    assert line.price is not None
    item = world.new(
        "invoiceitem",
        "ii",
        amount=line.amount,
        currency=subscription["currency"],
        customer=subscription["customer"],
        customer_account=None,
        date=world.now(),
        description=line.description,
        discountable=True,
        discounts=[],
        invoice=None,
        metadata={},
        net_amount=line.amount,
        parent={
            "type": "subscription_details",
            "subscription_details": {
                "subscription": subscription["id"],
                "subscription_item": line.item or None,
            },
        },
        period={"start": line.period[0], "end": line.period[1]},
        pricing=lines.pricing(line.price),
        proration=line.proration,
        proration_details={"credited_items": None, "discount_amounts": []},
        quantity=line.quantity,
        quantity_decimal=str(line.quantity),
        tax_rates=[],
        test_clock=None,
        _subscription=subscription["id"],
        _price=line.price["id"],
    )
    del item["created"]
    world.emit("invoiceitem.created", item)


def _collect(world: World, subscription: Obj, bill: Obj, behavior: str) -> None:
    invoices.announce(world, bill)
    invoices.finalize(world, bill)
    if bill["status"] == "open" and behavior != "default_incomplete":
        invoices.collect(world, bill)


def _hold(world: World, subscription: Obj, change: Change, params: Obj) -> Obj:
    """Bill the change as a pending update, because its payment just failed."""
    period = new_period(world, change) if change.reset else None
    customer = world.store.get("customer", subscription["customer"])
    bill = invoices.draft(
        world, customer, lines_now(world, subscription, change, period),
        reason="subscription_update", currency=subscription["currency"], subscription=subscription,
    )  # fmt: skip
    bill["_retry"] = False
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["latest_invoice"] = bill["id"]
        subscription["_pending_invoice"] = bill["id"]
        subscription["_pending_parts"] = items.stored(change.after)
        subscription["_pending_reset"] = change.reset
        subscription["pending_update"] = {
            "billing_cycle_anchor": None,
            "expires_at": world.now() + subscriptions.WAITS,
            "subscription_items": [_shown(world, subscription, part) for part in change.after],
            "trial_end": None,
            "trial_from_plan": None,
        }
    _collect(world, subscription, bill, "allow_incomplete")
    return subscription


def _shown(world: World, subscription: Obj, part: Part) -> Obj:
    period = items.period_of(world, subscription)
    known = world.store.find("subscription_item", part.item)
    shown = world.show(known) if known else {"id": "", "object": "subscription_item"}
    return {
        **shown,
        "price": world.show(part.price),
        "quantity": part.quantity,
        "current_period_start": period[0],
        "current_period_end": period[1],
    }


def expire_pending(world: World, subscription: Obj) -> None:
    """Discard the pending update, which was not paid."""
    invoice = world.store.find("invoice", subscription["_pending_invoice"])
    with world.changing(subscription, "customer.subscription.pending_update_expired"):
        standing.forget_pending(subscription)
    if invoice is not None and invoice["status"] == "open":
        invoices.void(world, invoice)
