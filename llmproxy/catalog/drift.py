"""Detecting wrong prices: comparing our computed costs with those that providers report."""

from datetime import timedelta
from decimal import Decimal

import structlog
from django.db.models import Sum
from django.utils import timezone

from llmproxy.models import Route
from tokens.models import UsageRecord

log = structlog.get_logger("tokengate.catalog")

TOLERATED = Decimal(5)
_PERIOD = timedelta(days=1)
_MOST = Decimal("99999.999")


def check_drift() -> int:
    """Compare the last day's costs, and store each route's drift in percent of ours.

    More than 5 % in either direction is logged as an error; returns the number of such routes. A
    route has no drift if its provider reported no cost.
    """
    drifts = _drifts()
    alarms = 0
    for route in Route.objects.all():
        drift = drifts.get((route.provider, route.model_id))
        if route.drift != drift:
            Route.objects.filter(pk=route.pk).update(drift=drift)
        if drift is not None and abs(drift) > TOLERATED:
            alarms += 1
            log.error(
                "price_drift", provider=route.provider, model=route.model_id, percent=str(drift)
            )
    return alarms


def _drifts() -> dict[tuple[str, str], Decimal]:
    records = UsageRecord.objects.filter(
        created_at__gte=timezone.now() - _PERIOD,
        source=UsageRecord.Source.REPORTED,
        cost__isnull=False,
        upstream_cost__isnull=False,
    )
    sums = records.values_list("provider", "model").annotate(Sum("cost"), Sum("upstream_cost"))
    return {
        (provider, model): _percent(ours, theirs)
        for provider, model, ours, theirs in sums.order_by()
    }


def _percent(ours: Decimal, theirs: Decimal) -> Decimal:
    if ours == theirs:
        return Decimal(0)
    drift = (theirs - ours) / ours * 100 if ours else _MOST
    return min(drift, _MOST).quantize(Decimal("0.001"))
