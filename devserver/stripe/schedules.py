"""Subscription schedules: the phases that a subscription goes through."""

from typing import Any

from devserver.stripe import (
    cancellation,
    discounts,
    items,
    listing,
    periods,
    standing,
    subscription_changes,
)
from devserver.stripe.errors import invalid, required
from devserver.stripe.lines import Part
from devserver.stripe.metadata import merged
from devserver.stripe.store import Obj
from devserver.stripe.world import World


def create(world: World, params: Obj) -> Obj:
    ident = params.get("from_subscription")
    if not ident:
        raise required("from_subscription")
    if params.get("phases"):
        message = "You cannot set `phases` if `from_subscription` is set."
        raise invalid(message, param="phases")
    subscription = world.store.get("subscription", ident, param="from_subscription")
    if subscription["status"] in standing.OVER:
        raise invalid("You cannot create a schedule from a canceled subscription.")
    if subscription["schedule"]:
        message = (
            "You cannot migrate a subscription that is already attached to a schedule: "
            f"`{subscription['schedule']}`."
        )
        raise invalid(message, param="from_subscription")
    schedule = _make(world, subscription, params)
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["schedule"] = schedule["id"]
    world.emit("subscription_schedule.created", schedule)
    return schedule


def _make(world: World, subscription: Obj, params: Obj) -> Obj:
    start, end = items.period_of(world, subscription)
    entries = [_entry(part) for part in items.parts_of(world, subscription)]
    kept = {
        "trial_end": subscription["trial_end"] if subscription["status"] == "trialing" else None,
        "discounts": [{"discount": ident} for ident in subscription["discounts"]],
    }
    phase = _phase(subscription, entries, start, end, kept)
    return world.new(
        "subscription_schedule",
        "sub_sched",
        application=None,
        billing_mode=dict(subscription["billing_mode"]),
        canceled_at=None,
        completed_at=None,
        current_phase={"start_date": start, "end_date": end},
        customer=subscription["customer"],
        customer_account=None,
        default_settings=_defaults(subscription),
        end_behavior=params.get("end_behavior", "release"),
        metadata=merged({}, params.get("metadata") or {}),
        phases=[phase],
        released_at=None,
        released_subscription=None,
        status="active",
        subscription=subscription["id"],
        test_clock=None,
    )


def _defaults(subscription: Obj) -> Obj:
    return {
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": "automatic",
        "billing_thresholds": None,
        "collection_method": "charge_automatically",
        "default_payment_method": subscription["default_payment_method"],
        "description": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "days_until_due": None,
            "issuer": {"type": "self"},
        },
        "on_behalf_of": None,
        "transfer_data": None,
    }


def _entry(part: Part) -> Obj:
    return {
        "billing_thresholds": None,
        "discounts": [],
        "metadata": part.metadata or {},
        "plan": part.price["id"],
        "price": part.price["id"],
        "quantity": part.quantity,
        "tax_rates": [],
    }


def _phase(subscription: Obj, entries: list[Obj], start: int, end: int, given: Obj) -> Obj:
    nothing = ("application_fee_percent", "automatic_tax", "billing_cycle_anchor",
               "billing_thresholds", "collection_method", "default_payment_method", "description",
               "invoice_settings", "on_behalf_of", "transfer_data")  # fmt: skip
    return {
        **dict.fromkeys(nothing),
        "add_invoice_items": [],
        "currency": subscription["currency"],
        "default_tax_rates": [],
        "discounts": [_discount(one) for one in given.get("discounts") or []],
        "end_date": end,
        "items": entries,
        "metadata": merged({}, given.get("metadata") or {}),
        "proration_behavior": given.get("proration_behavior", "create_prorations"),
        "start_date": start,
        "trial_end": given.get("trial_end"),
    }


def _discount(given: Obj) -> Obj:
    return {key: given.get(key) for key in ("coupon", "discount", "promotion_code")}


def update(world: World, params: Obj, *, schedule: str) -> Obj:
    found = _open(world, schedule)
    subscription = world.store.get("subscription", found["subscription"])
    with world.changing(found, "subscription_schedule.updated"):
        if "end_behavior" in params:
            found["end_behavior"] = params["end_behavior"]
        if "metadata" in params:
            found["metadata"] = merged(found["metadata"], params["metadata"])
        if "phases" in params:
            found["phases"] = _laid_out(world, subscription, found, params["phases"])
            _settle_in(world, found)
    return found


def _open(world: World, schedule: str) -> Obj:
    found = world.store.get("subscription_schedule", schedule)
    if found["status"] != "active":
        message = (
            "You cannot update a subscription schedule that is currently in the "
            f"`{found['status']}` status. It must be in `not_started` or `active`."
        )
        raise invalid(message)
    return found


def _laid_out(world: World, subscription: Obj, schedule: Obj, given: list[Obj]) -> list[Obj]:
    if not given:
        raise required("phases")
    phases: list[Obj] = []
    start = _moment(world, given[0].get("start_date", schedule["phases"][0]["start_date"]))
    for index, entry in enumerate(given):
        parts = items.asked_for(world, entry["items"], param=f"phases[{index}][items]")
        begins = _moment(world, entry.get("start_date", start))
        if begins != start and index:
            message = "The `start_date` of a phase must match the `end_date` of the one before."
            raise invalid(message, param=f"phases[{index}][start_date]")
        end = _end_of(world, entry, parts, begins, f"phases[{index}]")
        phases.append(_phase(subscription, [_entry(part) for part in parts], begins, end, entry))
        start = end
    return phases


def _moment(world: World, given: Any) -> int:
    return world.now() if given == "now" else int(given)


def _end_of(world: World, entry: Obj, parts: list[Part], start: int, param: str) -> int:
    if "end_date" in entry:
        end = _moment(world, entry["end_date"])
    else:
        interval, count = items.rhythm(parts)
        duration = entry.get("duration") or {"interval": interval, "interval_count": count}
        many = duration.get("interval_count", 1)
        end = periods.step(start, interval=duration["interval"], count=many)
    if end <= start:
        raise invalid(
            "The phase's `end_date` must be after its `start_date`.", param=f"{param}[end_date]"
        )
    return end


def _settle_in(world: World, schedule: Obj) -> None:
    """Enter the phase of the current time, with its items."""
    for phase in schedule["phases"]:
        if phase["start_date"] <= world.now() < phase["end_date"]:
            schedule["current_phase"] = {key: phase[key] for key in ("start_date", "end_date")}
            _enter(world, schedule, phase)
            return
    raise invalid("The subscription schedule update must have a current phase.", param="phases")


def _enter(world: World, schedule: Obj, phase: Obj) -> None:
    """Apply the phase. A trial or discounts that it does not have are ended."""
    subscription = world.store.get("subscription", schedule["subscription"])
    _take_discounts(world, subscription, phase)
    _take_items(world, subscription, phase)
    if subscription["status"] == "trialing" and not phase["trial_end"]:
        now = {"trial_end": "now", "proration_behavior": "none"}
        subscription_changes.update(world, now, subscription=subscription["id"])


def _take_discounts(world: World, subscription: Obj, phase: Obj) -> None:
    named = [{key: one[key] for key in one if one[key]} for one in phase["discounts"]]
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["discounts"] = discounts.redeem_all(world, named, subscription)


def _take_items(world: World, subscription: Obj, phase: Obj) -> None:
    before = items.parts_of(world, subscription)
    wanted = items.asked_for(world, phase["items"])
    after = _matched(before, wanted)
    if after == before:
        return
    faster = items.rhythm(after) != items.rhythm(before)
    with world.changing(subscription, "customer.subscription.updated"):
        items.replace(world, subscription, after)
        subscription["metadata"] = {**subscription["metadata"], **phase["metadata"]}
    end = items.period_of(world, subscription)[1]
    if faster and end <= world.now():
        subscription["billing_cycle_anchor"] = end


def _matched(before: list[Part], wanted: list[Part]) -> list[Part]:
    """Return ``wanted`` mapped to the existing items, in order, so that they keep their ids."""
    matched = []
    for index, part in enumerate(wanted):
        item = before[index].item if index < len(before) else ""
        matched.append(Part(part.price, part.quantity, item, part.metadata))
    return matched


def advance(world: World, schedule: Obj) -> None:
    """End the phase, and begin the next one or end the schedule."""
    over = schedule["current_phase"]["end_date"]
    coming = [phase for phase in schedule["phases"] if phase["start_date"] >= over]
    if not coming:
        _end(world, schedule)
        return
    phase = coming[0]
    with world.changing(schedule, "subscription_schedule.updated"):
        schedule["current_phase"] = {key: phase[key] for key in ("start_date", "end_date")}
    _enter(world, schedule, phase)


def _end(world: World, schedule: Obj) -> None:
    if schedule["end_behavior"] == "cancel":
        subscription = world.store.get("subscription", schedule["subscription"])
        schedule.update(status="completed", completed_at=world.now(), current_phase=None)
        world.emit("subscription_schedule.completed", schedule)
        cancellation.cancel_now(world, subscription)
    else:
        _release(world, schedule)


def _release(world: World, schedule: Obj) -> None:
    subscription = world.store.get("subscription", schedule["subscription"])
    schedule.update(
        status="released",
        released_at=world.now(),
        released_subscription=subscription["id"],
        subscription=None,
        current_phase=None,
    )
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["schedule"] = None
    world.emit("subscription_schedule.released", schedule)


def release(world: World, params: Obj, *, schedule: str) -> Obj:
    found = _open(world, schedule)
    _release(world, found)
    return found


def cancel(world: World, params: Obj, *, schedule: str) -> Obj:
    found = _open(world, schedule)
    subscription = world.store.get("subscription", found["subscription"])
    cancellation.cancel_now(world, subscription)
    return found


def retrieve(world: World, params: Obj, *, schedule: str) -> Obj:
    return world.store.get("subscription_schedule", schedule)


def index(world: World, params: Obj) -> Obj:
    rows = world.store.newest_first("subscription_schedule")
    return listing.page(
        world, listing.matching(rows, params, "customer"), params, url="/v1/subscription_schedules"
    )
