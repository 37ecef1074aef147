"""Accounts and grants."""

from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import DateTimeField, F, Func, Q

from tokens.ledger import free_allowance
from tokens.ledger.functions import call
from tokens.models import Balance, Entry
from tokens.periods import period_at
from tokens.tiers import default_tier


def open_account(user_id: int) -> Balance:
    """Return the user's balance, with all due renewals and expiries applied.

    The first call puts the user on the default tier and grants its tokens, minus those that their
    mailbox was already granted in this period.

    Raises ``User.DoesNotExist`` for an unknown user.
    """
    return _find(user_id) or _open(user_id)


def _find(user_id: int) -> Balance | None:
    now = Func(function="tokens_now", output_field=DateTimeField())
    balances = Balance.objects.select_related("tier").filter(user_id=user_id)
    found = balances.alias(now=now).annotate(is_due=Q(due_at__lte=F("now"))).first()
    if found and found.is_due:
        call("tokens_roll", user_id)
        return balances.get()
    return found


@transaction.atomic
def _open(user_id: int) -> Balance:
    user = get_user_model().objects.get(pk=user_id)
    tier = default_tier()
    start, end = period_at(user.date_joined, call("tokens_now"))
    opening = {"tier": tier, "period_start": start, "period_end": end}
    opening |= {"anchor": user.date_joined, "due_at": end}
    Balance.objects.get_or_create(user_id=user_id, defaults=opening)
    free_allowance.note(user)
    source = f"period:{user_id}:{start.date()}"
    asked = (user_id, tier.name, start, end, source, tier.monthly_tokens)
    if amount := call("tokens_free_allowance", *asked):
        grant(user_id=user_id, amount=amount, source=source, kind=Entry.Kind.ALLOWANCE)
    return Balance.objects.select_related("tier").get(user_id=user_id)


def grant(
    *,
    user_id: int,
    amount: int,
    source: str,
    kind: str = Entry.Kind.BONUS,
    expires_at: datetime | None = None,
    note: str = "",
) -> bool:
    """Grant tokens once for each kind and source; False if they were granted before.

    ``source`` names the cause (an invoice id, a staff action). An allowance is valid in the running
    period; a bonus is valid until it is used or expires. Raises ``ValueError`` unless amount > 0.
    """
    if amount <= 0:
        raise ValueError("a grant needs a positive amount")
    with transaction.atomic():
        if kind == Entry.Kind.BONUS:
            open_account(user_id)
        row = call("tokens_grant", user_id, kind, amount, source, note, expires_at)
    return bool(row)
