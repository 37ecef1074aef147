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
_STATEMENT = """
    WITH moments AS (SELECT unnest(%(moments)s::timestamptz[]) AS at),
    paying AS (
        SELECT DISTINCT ON (m.at, s.user_id) m.at, s.user_id,
               round(CASE WHEN i.period_end - i.period_start > %(month)s::interval
                          THEN COALESCE(year.amount, i.paid) / 12.0
                          ELSE COALESCE(month.amount, i.paid) END) AS cents
          FROM moments m
          JOIN billing_invoice i ON i.period_start <= m.at AND i.period_end > m.at
          JOIN billing_subscription s ON s.id = i.subscription_id
          LEFT JOIN billing_price month ON month.plan_id = i.plan_id AND month.interval = 'month'
               AND month.active AND month.currency = i.currency
          LEFT JOIN billing_price year ON year.plan_id = i.plan_id AND year.interval = 'year'
               AND year.active AND year.currency = i.currency
         WHERE i.paid > i.refunded AND i.currency = %(currency)s
           AND (s.ended_at IS NULL OR s.ended_at > m.at)
         ORDER BY m.at, s.user_id, i.period_start DESC, i.created_at DESC
    ), steps AS (SELECT at, lead(at) OVER (ORDER BY at) AS next FROM moments)
    SELECT steps.at,
           COALESCE(sum(a.cents), 0), COALESCE(sum(b.cents), 0),
           COALESCE(sum(b.cents) FILTER (WHERE a.cents IS NULL), 0),
           COALESCE(sum(greatest(b.cents - a.cents, 0)) FILTER (WHERE a.cents IS NOT NULL), 0),
           COALESCE(sum(greatest(a.cents - b.cents, 0)) FILTER (WHERE b.cents IS NOT NULL), 0),
           COALESCE(sum(a.cents) FILTER (WHERE b.cents IS NULL), 0)
      FROM steps
      CROSS JOIN LATERAL (
          SELECT user_id,
                 max(cents) FILTER (WHERE at = steps.at) AS before,
                 max(cents) FILTER (WHERE at = steps.next) AS after
            FROM paying WHERE at IN (steps.at, steps.next) GROUP BY user_id
      ) AS users
      CROSS JOIN LATERAL (SELECT users.before AS cents) AS a
      CROSS JOIN LATERAL (SELECT users.after AS cents) AS b
     WHERE steps.next IS NOT NULL GROUP BY steps.at ORDER BY steps.at
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
    """Return the months that begin at ``starts``, but for the last: it only ends the one before."""
    given: dict[str, Any] = {"moments": starts, "month": _LONGEST_MONTH, "currency": currency}
    with connections[router.db_for_read(Invoice)].cursor() as cursor:
        cursor.execute(_STATEMENT, given)
        found = {row[0]: row[1:] for row in cursor.fetchall()}
    return [
        Recurring(
            start, *(_units(cents, currency) for cents in found.get(start, (Decimal(0),) * 6))
        )
        for start in starts[:-1]
    ]


def _units(cents: Decimal, currency: str) -> Decimal:
    return currencies.units(Decimal(cents).quantize(Decimal(1)), currency)
