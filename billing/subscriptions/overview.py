"""Plans, the user's own plan and its usage. Read-only, without calls to Stripe."""

from dataclasses import replace
from datetime import datetime
from typing import TypedDict

from django.utils import timezone

from accounts.models import User
from billing.errors import UnknownPlan
from billing.models import Interval, Plan, Subscription
from billing.pricing import proration
from billing.pricing.proration import Offer, Period
from billing.subscriptions import subscribing
from tokens.ledger import open_account
from tokens.tiers import DEFAULT_TIER


class PendingChange(TypedDict):
    """A plan change, or a cancellation, that takes effect when the period ends."""

    plan: str
    interval: str | None
    at: datetime | None


class Terms(TypedDict):
    """The state of a subscription."""

    interval: str | None
    status: str
    current_period_start: datetime | None
    current_period_end: datetime | None
    cancel_at_period_end: bool
    pending_change: PendingChange | None
    trial_end: datetime | None
    grace_until: datetime | None


class Current(Terms):
    """The user's plan, with the state of their subscription."""

    plan: str
    title: str


class Change(TypedDict):
    """What a change to a plan means: its kind, when it takes effect, and the cents due now."""

    kind: str
    takes_effect: str | None
    due_now: int


class Comparison(TypedDict):
    """A plan compared with another one, ``base``."""

    base: str
    interval: str
    difference: dict[str, int]
    change: Change | None


class PeriodUsage(TypedDict):
    """The running period, in tokens."""

    plan: str
    period_start: datetime
    period_end: datetime
    allowance: int
    used: int
    bonus: int
    available: int
    used_percent: float | None
    projected_used: int
    runs_out_at: datetime | None


def current(user: User) -> Current:
    """Return the user's plan, and the state of their subscription if they have one."""
    balance = open_account(user.pk)
    row = subscribing.current(user)
    tier = balance.tier
    shown: Current = {
        "plan": tier.pk,
        "title": tier.title,
        "interval": None,
        "status": "none",
        "current_period_start": balance.period_start,
        "current_period_end": balance.period_end,
        "cancel_at_period_end": False,
        "pending_change": None,
        "trial_end": None,
        "grace_until": None,
    }
    return {**shown, **_of(row)} if row else shown


def _of(row: Subscription) -> Terms:
    return {
        "interval": row.interval,
        "status": row.status,
        "current_period_start": row.period_start,
        "current_period_end": row.period_end,
        "cancel_at_period_end": row.cancel_at_period_end,
        "pending_change": _pending(row),
        "trial_end": row.trial_end,
        "grace_until": row.grace_until,
    }


def _pending(row: Subscription) -> PendingChange | None:
    if row.cancel_at_period_end:
        return {"plan": DEFAULT_TIER, "interval": None, "at": row.period_end}
    if row.next_plan_id:
        return {"plan": row.next_plan_id, "interval": row.next_interval, "at": row.period_end}
    return None


def price_list(
    user: User | None, *, compare: str | None = None, interval: str | None = None
) -> list[Plan]:
    """Return the public plans, each compared with one of them, or with the user's.

    Raises ``UnknownPlan``.
    """
    plans = list(Plan.objects.filter(public=True).select_related("tier"))
    row = subscribing.current(user) if user else None
    wanted = interval or (row.interval if row else Interval.MONTH)
    base = _base(plans, user, compare)
    for plan in plans:
        plan.comparison = base and _comparison(plan, base, row, user, wanted)  # type: ignore[attr-defined]
    return plans


def _base(plans: list[Plan], user: User | None, compare: str | None) -> Plan | None:
    name = compare or (open_account(user.pk).tier_id if user else None)
    found = next((plan for plan in plans if plan.pk == name), None)
    if compare and found is None:
        raise UnknownPlan(param="compare")
    return found


def _comparison(
    plan: Plan, base: Plan, row: Subscription | None, user: User | None, interval: str
) -> Comparison:
    base_offer, other = (subscribing.offer(one, interval) for one in (base, plan))
    return {
        "base": base.pk,
        "interval": interval,
        "difference": proration.difference(base=base_offer, other=other),
        "change": _change(row, other) if user else None,
    }


def _change(row: Subscription | None, wanted: Offer) -> Change:
    """Return what a change to an offer would mean for the caller now."""
    if row is None or row.period_start is None or row.period_end is None:
        kind = "upgrade" if wanted.amount else "none"
        takes_effect = "now" if wanted.amount else None
        return {"kind": kind, "takes_effect": takes_effect, "due_now": wanted.amount}
    now = _paid_now(row)
    if (now.plan, now.interval) == (wanted.plan, wanted.interval):
        return {"kind": "none", "takes_effect": None, "due_now": 0}
    if not proration.is_upgrade(now=now, wanted=wanted):
        return {"kind": "downgrade", "takes_effect": "period_end", "due_now": 0}
    period = Period(row.period_start, row.period_end)
    due = proration.price_of_change(
        now=now, wanted=wanted, period=period, moment=timezone.now(), trial=bool(_in_trial(row))
    )
    return {"kind": "upgrade", "takes_effect": "now", "due_now": due}


def _paid_now(row: Subscription) -> Offer:
    """Return the caller's offer at the price that they pay, which can be an older one."""
    listed = subscribing.offer(row.plan, row.interval)
    price = row.price
    if price is None or (price.plan_id, price.interval) != (listed.plan, listed.interval):
        return listed
    return replace(listed, amount=price.amount)


def _in_trial(row: Subscription) -> bool:
    return row.status == Subscription.Status.TRIALING


def usage(user: User) -> PeriodUsage:
    """Return the usage of the running period, and its projection."""
    balance = open_account(user.pk)
    period, now = Period(balance.period_start, balance.period_end), timezone.now()
    allocated = balance.allocated
    return {
        "plan": balance.tier_id,
        "period_start": balance.period_start,
        "period_end": balance.period_end,
        "allowance": allocated,
        "used": balance.used,
        "bonus": balance.bonus,
        "available": balance.available,
        "used_percent": round(100 * balance.used / allocated, 1) if allocated else None,
        "projected_used": proration.projection(used=balance.used, period=period, moment=now),
        "runs_out_at": proration.runs_out(
            used=balance.used,
            left=allocated + balance.bonus - balance.used,
            period=period,
            moment=now,
        ),
    }
