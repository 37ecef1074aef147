"""The effect of paid invoices, ended plans and refunds on token balances.

The only module of billing that writes to the ledger. Every write is idempotent, by the invoice's id
or the id of the event that caused it.
"""

from datetime import timedelta

from django.db.models import F

from billing.models import Interval, Invoice, Price, Subscription
from billing.stripe.readings import Bought
from tokens import ledger
from tokens.ledger import allowances
from tokens.models import Balance
from tokens.periods import months_after
from tokens.tiers import DEFAULT_TIER

# A subscription that began on a 31st has months from 28 February to 31 March.
_SHORTEST_MONTH, _LONGEST_MONTH = timedelta(days=28), timedelta(days=31)


def grant(*, subscription: Subscription, price: Price, bought: Bought, invoice_id: str) -> int:
    """Grant the tokens of a paid invoice, once; returns how many.

    A whole period begins with the plan's allowance; of a year, the first month, and the schedule
    gives the others. The rest of a period brings the difference to the plan before.
    """
    tier = price.plan.tier
    if not bought.whole:
        return _change(subscription, tier=tier.pk, source=invoice_id, renews_by=None)
    one_month = bought.end - bought.start <= _LONGEST_MONTH
    begun = allowances.renew_period(
        user_id=subscription.user_id,
        tier=tier.pk,
        start=bought.start,
        end=bought.end if one_month else months_after(bought.start, 1),
        source=invoice_id,
        renews_by=allowances.INVOICE if one_month else allowances.SCHEDULE,
    )
    return tier.monthly_tokens if begun else 0


def restore(subscription: Subscription, *, source: str) -> None:
    """Restore a plan that had been lost, for the rest of the period."""
    yearly = subscription.interval == Interval.YEAR
    renews_by = allowances.SCHEDULE if yearly else allowances.INVOICE
    _change(subscription, tier=subscription.plan_id, source=source, renews_by=renews_by)


def withdraw(subscription: Subscription, *, source: str) -> None:
    """Move the user to the free plan, which renews automatically."""
    _change(subscription, tier=DEFAULT_TIER, source=source, renews_by=allowances.SCHEDULE)


def close_paid_years() -> int:
    """Have the last month of a paid year wait for the next invoice; returns how many years.

    The schedule would go on for ever. There is a month's time to do this in. The last month is the
    one after which no whole month is left.
    """
    last_months = Subscription.objects.filter(
        ended_at=None,
        entitled=True,
        user__balance__renews_by=allowances.SCHEDULE,
        user__balance__period_end__gt=F("period_end") - _SHORTEST_MONTH,
    )
    rows = list(last_months)
    for row in rows:
        source = f"last-month:{row.pk}:{row.period_end}"
        _change(row, tier=row.plan_id, source=source, renews_by=allowances.INVOICE)
    return len(rows)


def take_back(invoice: Invoice, *, wanted: int) -> int:
    """Take unspent tokens of an invoice that was refunded; returns how many were left to take.

    Those of a period that is over have expired already.
    """
    user_id = invoice.subscription.user_id
    running = Balance.objects.filter(user_id=user_id, period_start__lt=invoice.period_end)
    if wanted <= 0 or not running.exists():
        return 0
    source, note = _settlement(invoice), f"refund of invoice {invoice.number or invoice.pk}"
    return allowances.take_back(user_id=user_id, amount=wanted, source=source, note=note)


def give_back(invoice: Invoice, *, surplus: int) -> int:
    """Return tokens that were taken for a dispute that is now won; returns how many.

    A bonus, for the period that they were bought for is mostly over by then.
    """
    if surplus <= 0:
        return 0
    note = f"dispute won, invoice {invoice.number or invoice.pk}"
    user_id = invoice.subscription.user_id
    ledger.grant(user_id=user_id, amount=surplus, source=_settlement(invoice), note=note)
    return surplus


def _settlement(invoice: Invoice) -> str:
    return f"refund:{invoice.pk}:{invoice.settlements}"


def _change(subscription: Subscription, *, tier: str, source: str, renews_by: str | None) -> int:
    return allowances.change_tier(
        user_id=subscription.user_id, tier=tier, source=source, renews_by=renews_by
    )
