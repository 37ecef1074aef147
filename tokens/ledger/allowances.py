"""Changes of an allowance: renewals, plan changes and refunds.

This module and ``tokens.ledger`` are the interface of the ledger; the rules are in ``tokens/sql``.
Each operation is idempotent by its ``source`` (an invoice, a refund, a staff action) and runs in
the caller's transaction.
"""

from datetime import UTC, datetime

from django.db import transaction

from tokens.ledger import open_account
from tokens.ledger.functions import call
from tokens.models import Balance, Tier
from tokens.periods import months_after

SCHEDULE = Balance.Renewer.SCHEDULE
INVOICE = Balance.Renewer.INVOICE


@transaction.atomic
def renew_period(
    *,
    user_id: int,
    tier: str,
    start: datetime,
    source: str,
    end: datetime | None = None,
    renews_by: str = INVOICE,
) -> bool:
    """Begin a period with the tier's allowance; True if it began now.

    Returns False and grants nothing for a source that was used before, for a period that is
    already running, and for a period before that of a later invoice. ``end`` is a month after
    ``start`` by default. With ``renews_by=INVOICE``, the next period begins with the next call;
    with ``SCHEDULE`` (a plan paid for a year), the following months begin automatically. Raises
    ``Tier.DoesNotExist``, ``User.DoesNotExist``, and ``ValueError`` unless ``end`` > ``start``.
    """
    end = end or months_after(start.astimezone(UTC), 1)
    if end <= start:
        raise ValueError("a period needs an end after its start")
    _check(user_id, tier)
    return bool(call("tokens_renew_period", user_id, tier, start, end, renews_by, source))


@transaction.atomic
def change_tier(
    *, user_id: int, tier: str, source: str, renews_by: str | None = None, note: str = ""
) -> int:
    """Put the user on a tier within their period; return the tokens granted, negative if removed.

    This is the difference between the two allowances for the rest of the period. Only tokens that
    are unused and not reserved are removed. A repeated source changes nothing and returns the same
    result. Without ``renews_by``, the way of renewal is unchanged. If the period has already ended
    and is now renewed by the schedule, one of the new tier follows at once. Raises
    ``Tier.DoesNotExist`` or ``User.DoesNotExist``.
    """
    _check(user_id, tier)
    return int(call("tokens_change_tier", user_id, tier, renews_by, source, note))


@transaction.atomic
def take_back(*, user_id: int, amount: int, source: str, note: str = "") -> int:
    """Remove up to ``amount`` unused tokens for a refund or a dispute; return how many.

    The allowance is used first, then the bonus; reserved tokens are never removed. A repeated
    source removes nothing and returns the same result. Raises ``ValueError`` unless amount > 0,
    and ``User.DoesNotExist``.
    """
    if amount <= 0:
        raise ValueError("only a positive amount can be taken back")
    open_account(user_id)
    return int(call("tokens_take_back", user_id, amount, source, note))


@transaction.atomic
def take_back_grant(*, user_id: int, grant: str, amount: int, source: str, note: str = "") -> int:
    """Remove up to ``amount`` unused tokens of one bonus grant; return how many.

    ``grant`` is the source of the grant. Reserved tokens are never removed, and other tokens stay.
    A repeated source removes nothing and returns the same result. Raises ``ValueError`` unless
    amount > 0, and ``User.DoesNotExist``.
    """
    if amount <= 0:
        raise ValueError("only a positive amount can be taken back")
    open_account(user_id)
    return int(call("tokens_take_back_grant", user_id, grant, amount, source, note))


def roll_due(*, at_most: int = 1000) -> int:
    """Renew and expire what is due; returns how many balances. Locked balances are skipped.

    Correctness does not depend on this: a due balance is updated before it is used.
    """
    return int(call("tokens_roll_due", at_most))


def count_due() -> int:
    """Return how many balances ``roll_due`` would update now."""
    now = call("tokens_now")
    return Balance.objects.filter(due_at__lte=now, user__is_active=True).count()


def _check(user_id: int, tier: str) -> None:
    Tier.objects.only("name").get(pk=tier)
    open_account(user_id)
