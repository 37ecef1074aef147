"""Revenue and upstream cost by month (UTC), in whole currency units.

Revenue is the sum of paid invoices and purchases of tokens less refunds, in the month of the
invoice or the payment. MRR is the monthly
list price of active subscriptions, with a yearly price divided by twelve; trials count as zero.
Upstream costs are exact and in USD (``tokens.usage.totals``).
"""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypedDict

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone

from adminpanel.reports import origin
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


def report(*, months: int, currency: str) -> Report:
    """Return the current MRR by plan, and the last months including this one, the oldest first."""
    by_plan = mrr_by_plan(currency)
    return {
        "currency": currency,
        "mrr": sum((plan["mrr"] for plan in by_plan), Decimal(0)),
        "plans": by_plan,
        "months": _months(_last_months(months), currency),
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


def _months(starts: list[datetime], currency: str) -> list[Month]:
    since = starts[0]
    earned = _earned(since, currency)
    bought = _bought(since, currency)
    costs = _costs(since)
    failed = _by_month(
        StripeEvent.objects.filter(type="invoice.payment_failed", created_at__gte=since),
        "created_at",
    )
    return [
        _month(
            start,
            earned.get(start.date(), {}),
            purchases=bought.get(start.date(), Decimal(0)),
            cost=costs.get(start.date(), Decimal(0)),
            failed=failed.get(start.date(), 0),
            movement=movement,
        )
        for start, movement in zip(starts, _movements(starts), strict=True)
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


def _movements(starts: list[datetime]) -> list[Movement]:
    """Count new and churned subscriptions of each month, without those that never started."""
    real = Subscription.objects.filter(stripe_id__isnull=False).exclude(
        status__in=["incomplete", "incomplete_expired"]
    )
    counts: dict[str, int] = real.aggregate(
        **{
            f"{name}_{number}": Count("pk", filter=condition)
            for number, start in enumerate(starts)
            for name, condition in _movement(start).items()
        }
    )
    return [
        _rated(*(counts[f"{name}_{number}"] for name in ("new", "churned", "before")))
        for number in range(len(starts))
    ]


def _movement(start: datetime) -> dict[str, Q]:
    """Tell which subscriptions are new in a month, ended in it, or were there before it."""
    end = months_after(start, 1)
    return {
        "new": Q(created_at__gte=start, created_at__lt=end),
        "churned": Q(ended_at__gte=start, ended_at__lt=end),
        "before": Q(created_at__lt=start) & (Q(ended_at=None) | Q(ended_at__gte=start)),
    }


def _rated(new: int, churned: int, before: int) -> Movement:
    rate = round(churned / before, 4) if before else None
    return {"new": new, "churned": churned, "churn_rate": rate}


def _earned(since: datetime, currency: str) -> dict[date, dict[str, Decimal]]:
    paid = Invoice.objects.filter(created_at__gte=since, currency=currency, paid__gt=0)
    rows = (
        paid.order_by()
        .annotate(month=TruncMonth("created_at", tzinfo=UTC))
        .values_list("month", "plan_id")
        .annotate(total=Sum(F("paid") - F("refunded")))
    )
    earned: dict[date, dict[str, Decimal]] = {}
    for month, plan, cents in rows:
        earned.setdefault(month.date(), {})[plan] = currencies.units(cents, currency)
    return earned


def _bought(since: datetime, currency: str) -> dict[date, Decimal]:
    """Sum what packs of tokens brought in, by month."""
    paid = TopUp.objects.filter(paid_at__gte=since, currency=currency, status=TopUp.Status.PAID)
    months = paid.order_by().annotate(month=TruncMonth("paid_at", tzinfo=UTC)).values_list("month")
    rows = months.annotate(total=Sum(F("paid") - F("refunded")))
    return {month.date(): currencies.units(cents, currency) for month, cents in rows}


def _costs(since: datetime) -> dict[date, Decimal]:
    """Sum the upstream costs of each month, in USD."""
    costs: dict[date, Decimal] = {}
    tomorrow = timezone.now().astimezone(UTC).date() + timedelta(days=1)
    for row in origin.by_day("all", since=since.date(), until=tomorrow):
        month = row.day.replace(day=1)
        costs[month] = costs.get(month, Decimal(0)) + row.cost
    return costs


def _by_month(found: QuerySet[Any], column: str) -> dict[date, int]:
    months = found.order_by().annotate(month=TruncMonth(column, tzinfo=UTC)).values_list("month")
    return {month.date(): number for month, number in months.annotate(Count("pk"))}
