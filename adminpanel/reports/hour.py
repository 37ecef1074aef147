"""What the last hour cost and earned, for alerts. Read-only."""

from datetime import datetime, timedelta
from typing import TypedDict

from django.db.models import F, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from adminpanel.reports import revenue
from billing.models import Price, TopUp
from core import currencies
from core.database import at_most
from tokens.models import UsageRecord

_HOURS_OF_A_MONTH = 365.25 * 24 / 12
_PATIENCE_SECONDS = 20


class Hour(TypedDict):
    """Amounts of one hour, in whole units of the currency."""

    cost_usd: float
    revenue: dict[str, float]
    """By currency: an hour's share of the MRR, and packs sold less refunds."""


def measure() -> Hour:
    """Sum the last hour. Raises ``OperationalError`` if a query takes longer than 20 seconds."""
    since = timezone.now() - timedelta(hours=1)
    with at_most(seconds=_PATIENCE_SECONDS):
        sold = Price.objects.filter(active=True).values_list("currency", flat=True)
        paid = TopUp.objects.filter(paid_at__gte=since).values_list("currency", flat=True)
        known = {*sold.distinct(), *paid.distinct()}
        return {
            "cost_usd": _cost(since),
            "revenue": {each: _revenue(each, since) for each in sorted(known)},
        }


def _cost(since: datetime) -> float:
    """Requests that began before, and ended in the hour, are in the hour of their beginning."""
    records = UsageRecord.objects.filter(created_at__gte=since)
    found = records.aggregate(cost=Sum(Coalesce("upstream_cost", "cost")))
    return float(found["cost"] or 0)


def _revenue(currency: str, since: datetime) -> float:
    recurring = sum(plan["mrr"] for plan in revenue.mrr_by_plan(currency))
    packs = TopUp.objects.filter(paid_at__gte=since, currency=currency)
    paid = packs.aggregate(paid=Sum(F("paid") - F("refunded")))["paid"] or 0
    return float(recurring) / _HOURS_OF_A_MONTH + float(currencies.units(paid, currency))
