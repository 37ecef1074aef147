"""The monthly recurring revenue (MRR) at the end of each month, and what changed it.

It is computed from invoices, as subscriptions show their present plan only. At a moment, a user
pays for the plan of the latest paid invoice whose period it is in, at that plan's list price. A
yearly price counts as a twelfth, and a price that is sold no more as what the invoice was for. The
current month is not over, and has none.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connections, router

from billing.models import Invoice
from core import currencies

# More than a month: the period of a yearly invoice, or the rest of one.
_LONGEST_MONTH = "32 days"
# Each invoice has a row for each moment of its period, whose number is `n`, from 1. What a user
# pays at a moment is what they pay after one month, and before the next one.
_STATEMENT = """
    WITH paid AS (
        SELECT subscription_id, plan_id, currency, paid, period_start, period_end, created_at,
               generate_series(
                   width_bucket(period_start - interval '1 microsecond', %(moments)s) + 1,
                   width_bucket(period_end - interval '1 microsecond', %(moments)s)
               ) AS n
          FROM billing_invoice
         WHERE paid > refunded AND currency = %(currency)s
           AND period_start <= %(last)s AND period_end > %(first)s
    ), paying AS (
        SELECT DISTINCT ON (i.n, s.user_id) i.n, s.user_id,
               round(CASE WHEN i.period_end - i.period_start > %(month)s::interval
                          THEN COALESCE(year.amount, i.paid) / 12.0
                          ELSE COALESCE(month.amount, i.paid) END) AS cents
          FROM paid i
          JOIN billing_subscription s ON s.id = i.subscription_id
          LEFT JOIN billing_price month ON month.plan_id = i.plan_id AND month.interval = 'month'
               AND month.active AND month.currency = i.currency
          LEFT JOIN billing_price year ON year.plan_id = i.plan_id AND year.interval = 'year'
               AND year.active AND year.currency = i.currency
         WHERE s.ended_at IS NULL OR s.ended_at > (%(moments)s)[i.n]
         ORDER BY i.n, s.user_id, i.period_start DESC, i.created_at DESC
    ), users AS (
        SELECT step.n, user_id, max(step.before) AS before, max(step.after) AS after
          FROM paying
          CROSS JOIN LATERAL (
              VALUES (paying.n, cents, NULL), (paying.n - 1, NULL, cents)
          ) AS step (n, before, after)
         GROUP BY step.n, user_id
    )
    SELECT n, COALESCE(sum(before), 0), COALESCE(sum(after), 0),
           COALESCE(sum(after) FILTER (WHERE before IS NULL), 0),
           COALESCE(sum(greatest(after - before, 0)) FILTER (WHERE before IS NOT NULL), 0),
           COALESCE(sum(greatest(before - after, 0)) FILTER (WHERE after IS NOT NULL), 0),
           COALESCE(sum(before) FILTER (WHERE after IS NULL), 0)
      FROM users GROUP BY n
"""


@dataclass(frozen=True)
class Recurring:
    """The MRR of a month that is over, in whole units of the currency."""

    month: datetime
    before: Decimal
    """At its beginning."""
    mrr: Decimal
    """At its end: before + new + expansion - contraction - churned."""
    new: Decimal
    expansion: Decimal
    contraction: Decimal
    churned: Decimal

    @property
    def churn(self) -> float | None:
        """The revenue churn: what was lost of the MRR at the beginning; None without any."""
        lost = self.contraction + self.churned
        return float(lost / self.before) if self.before else None


def months(starts: list[datetime], *, currency: str) -> list[Recurring]:
    """Return the months that begin at ``starts``, but for the last: it only ends the one before.

    They are in order, the oldest first.
    """
    given: dict[str, Any] = {
        "moments": starts,
        "first": starts[0],
        "last": starts[-1],
        "month": _LONGEST_MONTH,
        "currency": currency,
    }
    with connections[router.db_for_read(Invoice)].cursor() as cursor:
        cursor.execute(_STATEMENT, given)
        found = {row[0]: row[1:] for row in cursor.fetchall()}
    return [
        Recurring(
            start, *(_units(cents, currency) for cents in found.get(number, (Decimal(0),) * 6))
        )
        for number, start in enumerate(starts[:-1], start=1)
    ]


def _units(cents: Decimal, currency: str) -> Decimal:
    return currencies.units(Decimal(cents).quantize(Decimal(1)), currency)
