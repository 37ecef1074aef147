"""Revenue and upstream cost by month (UTC), in whole currency units.

Revenue is the sum of paid invoices and purchases of tokens less refunds, in the month of the
invoice or the payment. MRR is the monthly
list price of active subscriptions, with a yearly price divided by twelve; trials count as zero.
Upstream costs are in USD.
"""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypedDict

from django.contrib.postgres.fields import ArrayField
from django.db.models import Count, DateTimeField, F, Func, IntegerField, Sum, Value
from django.utils import timezone

from adminpanel.reports.source import UsageSource
from billing.models import Interval, Invoice, Price, StripeEvent, Subscription, TopUp
from core import currencies
from tokens.periods import months_after

_PAYING = (Subscription.Status.ACTIVE, Subscription.Status.PAST_DUE)


class PlanMrr(TypedDict):
    """The subscribers of a plan, and the monthly recurring revenue from them."""

    plan: str
    subscribers: int
    mrr: Decimal


class PlanRevenue(TypedDict):
    plan: str
    revenue: Decimal


class Movement(TypedDict):
    """New and churned subscriptions of a month; the rate is a fraction of 1, None without any."""

    new: int
    churned: int
    churn_rate: float | None


class Month(Movement):
    """A calendar month (UTC), written as 2026-03."""

    month: str
    revenue: Decimal
    by_plan: list[PlanRevenue]
    purchases: Decimal
    """The part of the revenue that packs of tokens brought in."""
    failed_payments: int
    upstream_cost: Decimal
    margin: Decimal


class Report(TypedDict):
    currency: str
    mrr: Decimal
    plans: list[PlanMrr]
    months: list[Month]


def report(source: UsageSource, *, months: int, currency: str) -> Report:
    """Return the current MRR by plan, and the last months including this one, the oldest first."""
    by_plan = mrr_by_plan(currency)
    return {
        "currency": currency,
        "mrr": sum((plan["mrr"] for plan in by_plan), Decimal(0)),
        "plans": by_plan,
        "months": _months(source, _last_months(months), currency),
    }


def mrr_by_plan(currency: str) -> list[PlanMrr]:
    """Return the subscribers of each plan, and the monthly recurring revenue from them."""
    paying = Subscription.objects.filter(ended_at=None, entitled=True, status__in=_PAYING)
    subscribers: Counter[str] = Counter()
    yearly: Counter[str] = Counter()
    prices = {
        (price.plan_id, price.interval): price.amount
        for price in Price.objects.filter(active=True, currency=currency)
    }
    for plan, interval, number in paying.values_list("plan_id", "interval").annotate(Count("pk")):
        a_year = 1 if interval == Interval.YEAR else 12
        subscribers[plan] += number
        yearly[plan] += prices.get((plan, interval), 0) * number * a_year
    return [
        {
            "plan": plan,
            "subscribers": number,
            "mrr": currencies.units(Decimal(yearly[plan]) / 12, currency),
        }
        for plan, number in sorted(subscribers.items())
    ]


def _last_months(number: int) -> list[datetime]:
    now = timezone.now().astimezone(UTC)
    this = datetime(now.year, now.month, 1, tzinfo=UTC)
    return [months_after(this, -back) for back in reversed(range(number))]


def _months(source: UsageSource, starts: list[datetime], currency: str) -> list[Month]:
    since = starts[0]
    month = _Month(starts)
    earned = _earned(month, since, currency)
    bought = _bought(month, since, currency)
    costs = _costs(source, since)
    failed = _failed(month, since)
    return [
        _month(
            start,
            earned.get(start.date(), {}),
            purchases=bought.get(start.date(), Decimal(0)),
            cost=costs.get(start.date(), Decimal(0)),
            failed=failed.get(start.date(), 0),
            movement=movement,
        )
        for start, movement in zip(starts, _movements(month, len(starts)), strict=True)
    ]


def _month(
    start: datetime,
    plans: dict[str, Decimal],
    *,
    purchases: Decimal,
    cost: Decimal,
    failed: int,
    movement: Movement,
) -> Month:
    revenue = sum(plans.values(), purchases)
    return {
        "month": f"{start:%Y-%m}",
        "revenue": revenue,
        "by_plan": [{"plan": plan, "revenue": plans[plan]} for plan in sorted(plans)],
        "purchases": purchases,
        "failed_payments": failed,
        "upstream_cost": cost,
        "margin": revenue - cost,
        **movement,
    }


class _Month:
    """The month of a column's moment, as its number among the months from 1, 0 before them.

    PostgreSQL finds it several times as fast as it truncates the moment to its month.
    """

    def __init__(self, starts: list[datetime]) -> None:
        self._bounds = [*starts, months_after(starts[-1], 1)]

    def of(self, column: str) -> Func:
        bounds = Value(self._bounds, output_field=ArrayField(DateTimeField()))
        return Func(column, bounds, function="width_bucket", output_field=IntegerField())

    def start(self, number: int) -> date:
        return self._bounds[number - 1].date()


def _movements(month: _Month, number: int) -> list[Movement]:
    """Count new and churned subscriptions of each month, without those that never started."""
    real = Subscription.objects.filter(stripe_id__isnull=False).exclude(
        status__in=["incomplete", "incomplete_expired"]
    )
    rows = real.order_by().values_list(month.of("created_at"), month.of("ended_at"))
    counted = list(rows.annotate(Count("pk")))
    return [
        _rated(
            new=sum(count for began, _, count in counted if began == this),
            churned=sum(count for _, ended, count in counted if ended == this),
            before=sum(
                count
                for began, ended, count in counted
                if began < this and (ended is None or ended >= this)
            ),
        )
        for this in range(1, number + 1)
    ]


def _rated(*, new: int, churned: int, before: int) -> Movement:
    rate = round(churned / before, 4) if before else None
    return {"new": new, "churned": churned, "churn_rate": rate}


def _earned(month: _Month, since: datetime, currency: str) -> dict[date, dict[str, Decimal]]:
    paid = Invoice.objects.filter(created_at__gte=since, currency=currency, paid__gt=0)
    rows = paid.order_by().values_list(month.of("created_at"), "plan_id")
    earned: dict[date, dict[str, Decimal]] = {}
    for number, plan, cents in rows.annotate(total=Sum(F("paid") - F("refunded"))):
        earned.setdefault(month.start(number), {})[plan] = currencies.units(cents, currency)
    return earned


def _bought(month: _Month, since: datetime, currency: str) -> dict[date, Decimal]:
    """Sum what packs of tokens brought in, by month."""
    paid = TopUp.objects.filter(paid_at__gte=since, currency=currency, status=TopUp.Status.PAID)
    months = paid.order_by().values_list(month.of("paid_at"))
    rows = months.annotate(total=Sum(F("paid") - F("refunded")))
    return {month.start(number): currencies.units(cents, currency) for number, cents in rows}


def _failed(month: _Month, since: datetime) -> dict[date, int]:
    """Count the failed payments of each month."""
    failed = StripeEvent.objects.filter(type="invoice.payment_failed", created_at__gte=since)
    months = failed.order_by().values_list(month.of("created_at"))
    return {month.start(number): count for number, count in months.annotate(Count("pk"))}


def _costs(source: UsageSource, since: datetime) -> dict[date, Decimal]:
    """Sum the upstream costs of each month, in USD."""
    costs: dict[date, Decimal] = {}
    tomorrow = timezone.now().astimezone(UTC).date() + timedelta(days=1)
    for row in source.by_day("all", since=since.date(), until=tomorrow):
        month = row.day.replace(day=1)
        costs[month] = costs.get(month, Decimal(0)) + row.cost
    return costs
