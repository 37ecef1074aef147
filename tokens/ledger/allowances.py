"""What becomes of an allowance: it renews, its plan changes, a refund takes it back.

The other door to the books, beside ``tokens.ledger``; the rules stand in
``tokens/sql``. Each act happens once by its ``source`` (an invoice, a refund,
a staff action), in the caller's transaction.
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
    """Begin a period with the tier's allowance; True when it began now.

    False, and nothing given, for a source that was here before, for a period that runs already,
    and for one that a later invoice has followed. ``end`` is a month after ``start`` unless given.
    With ``renews_by=INVOICE`` the next period waits for the next call; with ``SCHEDULE`` (a plan
    paid for a year) the months after this one begin by themselves. Raises ``Tier.DoesNotExist``,
    ``User.DoesNotExist``, and ``ValueError`` unless the period runs forward.
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
    """Put the user on a tier within their period; return the tokens given, negative if taken.

    That is the difference between the two allowances for the rest of the period, and of what
    would be taken only what is unspent and not held. The same source changes nothing again and
    returns the same. Without ``renews_by`` the renewer stays. A period that has ended already is
    followed at once by one of the new tier if the schedule renews it from now on. Raises
    ``Tier.DoesNotExist`` or ``User.DoesNotExist``.
    """
    _check(user_id, tier)
    return int(call("tokens_change_tier", user_id, tier, renews_by, source, note))


@transaction.atomic
def take_back(*, user_id: int, amount: int, source: str, note: str = "") -> int:
    """Take up to ``amount`` unspent tokens for a refund or a dispute; return how many it took.

    From the allowance first, then from bonus; never what is held. The same source takes nothing
    again and returns the same. Raises ``ValueError`` unless amount > 0, ``User.DoesNotExist``.
    """
    if amount <= 0:
        raise ValueError("only a positive amount can be taken back")
    open_account(user_id)
    return int(call("tokens_take_back", user_id, amount, source, note))


def roll_due(*, at_most: int = 1000) -> int:
    """Renew and expire what is due; returns how many balances. Those being used are left out.

    Correctness does not wait for this: a due balance is brought up to date before it is used.
    """
    return int(call("tokens_roll_due", at_most))


def count_due() -> int:
    """Return how many balances ``roll_due`` would bring up to date now."""
    now = call("tokens_now")
    return Balance.objects.filter(due_at__lte=now, user__is_active=True).count()


def _check(user_id: int, tier: str) -> None:
    Tier.objects.only("name").get(pk=tier)
    open_account(user_id)
