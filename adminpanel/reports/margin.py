"""Revenue, upstream cost and margin of some days (UTC): by plan, by model and by user. In USD.

Revenue is what was earned in these days: an invoice, less its refunds, is spread evenly over the
period that it pays for, so that a yearly plan earns each day, and any range of days can be compared
with its costs. A purchase of tokens is earned when it is paid. A model earns nothing itself: the
revenue is divided by the tokens that were charged for each.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connections, router

from adminpanel.reports.source import UsageSource
from billing.models import Invoice
from core import currencies
from tokens.periods import midnight
from tokens.usage import by_user

CURRENCY = "usd"
PURCHASES = "purchases of tokens"
"""The row of the packs among the plans: nobody knows which plan their tokens were used on."""
_ZERO = Decimal(0)
_CENT = Decimal("0.01")

# Cents by plan and user; the plan of purchases is null. Refunds count where the payment did.
_INVOICES = """
      FROM billing_invoice i
     WHERE i.paid > i.refunded AND i.currency = %(currency)s
       AND CASE WHEN i.period_end > i.period_start
                THEN i.period_start < %(end)s AND i.period_end > %(start)s
                ELSE i.created_at >= %(start)s AND i.created_at < %(end)s END
"""
_SHARE = """CASE
    WHEN i.period_end > i.period_start AND (i.period_end > %(end)s OR i.period_start < %(start)s)
    THEN extract(epoch FROM least(i.period_end, %(end)s) - greatest(i.period_start, %(start)s))
         / extract(epoch FROM i.period_end - i.period_start)
    ELSE 1 END"""
_TOP_UPS = """
      FROM billing_topup
     WHERE status = 'paid' AND paid > refunded AND currency = %(currency)s
       AND paid_at >= %(start)s AND paid_at < %(end)s
"""
# A division of decimals takes long: one for each period, not for each invoice.
_BY_PLAN = f"""
    SELECT plan, sum(cents) FROM (
        SELECT i.plan_id AS plan, sum(i.paid - i.refunded) * {_SHARE} AS cents {_INVOICES}
         GROUP BY i.plan_id, i.period_start, i.period_end
         UNION ALL
        SELECT NULL, sum(paid - refunded) {_TOP_UPS} HAVING count(*) > 0
    ) AS earned GROUP BY plan
"""  # noqa: S608 # nosec B608
# Whoever costs more than they pay has a cost, so only the revenue from these users is read.
_BY_USER = f"""
    WITH costs AS ({{costs}}),
    earned AS (
        SELECT s.user_id, (i.paid - i.refunded) * {_SHARE} AS cents
          FROM (SELECT i.* {_INVOICES}) AS i
          JOIN billing_subscription s ON s.id = i.subscription_id
          JOIN costs c ON c.user_id = s.user_id AND c.cost > 0
         UNION ALL
        SELECT user_id, paid - refunded {_TOP_UPS}
    ), revenue AS (
        SELECT user_id, sum(cents) / %(factor)s AS revenue FROM earned GROUP BY user_id
    )
    SELECT u.id, u.email, COALESCE(b.tier_id, ''), COALESCE(r.revenue, 0), c.cost, c.charged
      FROM costs c LEFT JOIN revenue r USING (user_id)
      JOIN accounts_user u ON u.id = user_id LEFT JOIN tokens_balance b ON b.user_id = u.id
     WHERE c.cost > COALESCE(r.revenue, 0)
     ORDER BY COALESCE(r.revenue, 0) - c.cost, u.id LIMIT %(at_most)s
"""  # noqa: S608 # nosec B608


@dataclass(frozen=True)
class Margin:
    """What a plan, a model or a user brought in and cost, in USD."""

    key: str
    revenue: Decimal
    cost: Decimal
    charged: int = 0
    plan: str = ""
    user_id: int | None = None

    @property
    def margin(self) -> Decimal:
        return self.revenue - self.cost

    @property
    def share(self) -> float | None:
        """The margin as a part of the revenue; None without any."""
        return float(self.margin / self.revenue) if self.revenue else None


def by_plan(source: UsageSource, *, since: date, until: date) -> list[Margin]:
    """Return the plans, and the purchases of tokens, highest revenue first. ``until`` is exclusive.

    Costs are those of the users who were on the plan on the day of the request.
    """
    earned = _earned_by_plan(since, until)
    costs = {row.key or "": row for row in source.by_key("plan", since=since, until=until)}
    rows = [
        Margin(
            plan or PURCHASES,
            earned.get(plan, _ZERO),
            costs[plan].cost if plan in costs else _ZERO,
            costs[plan].charged if plan in costs else 0,
        )
        for plan in {*earned, *costs}
    ]
    return sorted(rows, key=lambda row: (-row.revenue, row.key))


def by_model(source: UsageSource, *, since: date, until: date, revenue: Decimal) -> list[Margin]:
    """Divide the revenue by the tokens charged for each model; most tokens first."""
    rows = source.by_key("model", since=since, until=until)
    charged = sum(row.charged for row in rows)
    shares = _divided(revenue, [row.charged for row in rows])
    return [
        Margin(row.key or "", share if charged else _ZERO, row.cost, row.charged)
        for row, share in zip(rows, shares, strict=True)
    ]


def losing_users(source: UsageSource, *, since: date, until: date, at_most: int) -> list[Margin]:
    """Return the users who cost more than they paid, the greatest loss first."""
    costs = by_user.sums(since=since, until=until, covered=source.coverage())
    given = {
        **costs.parameters,
        **_span(since, until),
        "factor": 10 ** currencies.decimals(CURRENCY),
        "at_most": at_most,
    }
    return [
        Margin(email, revenue.quantize(_CENT), cost, charged, plan, user_id)
        for user_id, email, plan, revenue, cost, charged in _rows(
            _BY_USER.format(costs=costs.sql), given
        )
    ]


def _earned_by_plan(since: date, until: date) -> dict[str, Decimal]:
    """Return what was earned, in whole cents; the purchases are those of the plan "".

    Each plan is rounded, and the total is the sum of what is shown.
    """
    return {
        plan or "": currencies.units(cents.quantize(Decimal(1)), CURRENCY)
        for plan, cents in _rows(_BY_PLAN, _span(since, until))
    }


def _divided(whole: Decimal, weights: list[int]) -> list[Decimal]:
    """Divide an amount by weights, in cents that add up to it."""
    total, given, shares = sum(weights), _ZERO, []
    reached = 0
    for weight in weights:
        reached += weight
        upto = (whole * reached / total).quantize(_CENT) if total else _ZERO
        shares.append(upto - given)
        given = upto
    return shares


def _span(since: date, until: date) -> dict[str, datetime | str]:
    return {"start": midnight(since), "end": midnight(until), "currency": CURRENCY}


def _rows(statement: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connections[router.db_for_read(Invoice)].cursor() as cursor:
        cursor.execute(statement, given)
        return list(cursor.fetchall())
