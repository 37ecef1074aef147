"""Rebuilding our rows from Stripe without events."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from billing.entitlements import refunds, state
from billing.models import Customer, Invoice, Subscription, TopUp
from billing.stripe import customers, gateway
from billing.subscriptions import locks, scheduled_changes
from core.errors import ApiError

log = structlog.get_logger("tokengate.billing")

_DISPUTED_WITHIN = timedelta(days=120)
_SHOWN = ("status", "plan_id", "interval", "price_id", "period_end", "cancel_at_period_end",
          "next_plan_id", "entitled", "ended_at")  # fmt: skip


@dataclass
class _Picture:
    """What we have of one subscription: enough to say what a repair has changed."""

    fields: dict[str, Any] = field(default_factory=dict)
    invoices: dict[str, tuple[str, int | None]] = field(default_factory=dict)


def sync(*, dry_run: bool) -> list[str]:
    """Read everything at Stripe and write what differs here; returns a line for each change.

    With ``dry_run`` nothing stays written. Raises ``BillingUnavailable``.
    """
    if not dry_run:
        locks.settle_overdue()
    lines: list[str] = []
    seen = set()
    for found in gateway.all_subscriptions():
        seen.add(found["id"])
        lines += _repaired(found["id"], dry_run=dry_run)
        if not dry_run:
            lines += _put_back(found["id"])
    lines += _unknown_at_stripe(seen)
    lines += _addresses(dry_run=dry_run)
    if not dry_run:
        lines += _money_that_went_back()
    for line in lines:
        log.info("stripe_synced", change=line, dry_run=dry_run)
    return lines


def _repaired(stripe_id: str, *, dry_run: bool) -> list[str]:
    try:
        reading = state.take_reading(stripe_id, invoices=100)
        if reading.user_id is None:
            return [f"{stripe_id}: is nobody's here, or of none of our plans"]
        before = _picture(stripe_id)
        with transaction.atomic():
            written = state.write(reading)
            after = _picture(stripe_id)
            transaction.set_rollback(dry_run)
    except ApiError as failed:
        return [f"{stripe_id}: {failed.message}"]
    except state.Superseded:
        return []  # Whoever wrote meanwhile has read it later than we.
    if written is None:
        return [f"{stripe_id}: user {reading.user_id} has another subscription that has not ended"]
    return [f"{stripe_id}: {change}" for change in _differences(before, after)]


def _put_back(stripe_id: str) -> list[str]:
    """Plan again the smaller plan that an upgrade which came to nothing has left unplanned."""
    try:
        plan = scheduled_changes.put_back(stripe_id)
    except ApiError as failed:
        return [f"{stripe_id}: {failed.message}"]
    return [f"{stripe_id}: the change to {plan} is scheduled again"] if plan else []


def _money_that_went_back() -> list[str]:
    """Settle refunds and disputes of the last months, of which no event has come."""
    since = int((timezone.now() - _DISPUTED_WITHIN).timestamp())
    return [line for charge in gateway.charges_lost_since(since) for line in _settled(charge)]


def _settled(charge_id: str) -> list[str]:
    try:
        found, before = refunds.settle(charge_id)
    except ApiError as failed:
        return [f"{charge_id}: {failed.message}"]
    if found is None or found.refunded == before:
        return []
    kind = "purchase" if isinstance(found, TopUp) else "invoice"
    return [f"{charge_id}: refunded {before} → {found.refunded} of {kind} {found.pk}"]


def _addresses(*, dry_run: bool) -> list[str]:
    """Have Stripe write to the addresses that users have now; no line says which these are."""
    return [line for one in customers.with_another_address() for line in _readdressed(one, dry_run)]


def _readdressed(customer: Customer, dry_run: bool) -> list[str]:
    try:
        if not dry_run and not customers.follow_address(customer.user):
            return []
    except ApiError as failed:
        return [f"{customer.stripe_id}: {failed.message}"]
    return [f"{customer.stripe_id}: has the present email address of user {customer.user_id}"]


def _unknown_at_stripe(seen: set[str]) -> list[str]:
    rows = Subscription.objects.filter(ended_at=None, stripe_id__isnull=False)
    lost = rows.exclude(stripe_id__in=seen).values_list("stripe_id", flat=True)
    return [f"{stripe_id}: is unknown at Stripe" for stripe_id in lost]


def _picture(stripe_id: str) -> _Picture:
    row = Subscription.objects.filter(stripe_id=stripe_id).first()
    if row is None:
        return _Picture()
    invoices = Invoice.objects.filter(subscription=row)
    return _Picture(
        {name: getattr(row, name) for name in _SHOWN},
        {one.pk: (one.status, one.tokens) for one in invoices},
    )


def _differences(before: _Picture, after: _Picture) -> list[str]:
    fields = [
        f"{name} {before.fields.get(name)} → {value}"
        for name, value in after.fields.items()
        if before.fields.get(name) != value
    ]
    invoices = [
        f"invoice {pk} {status}" + (f", {tokens} tokens" if tokens is not None else "")
        for pk, (status, tokens) in after.invoices.items()
        if before.invoices.get(pk) != (status, tokens)
    ]
    return fields + invoices
