"""Email to users about their plan, their payments and what they bought."""

from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from accounts.models import User
from billing.models import AutomaticTopUp, Subscription, TopUp
from core import currencies, email
from core.queue import enqueue

_MOMENTS = ("grace_until", "trial_end", "period_end", "expires_at")


def tell(user_id: int, kind: str, *, row: Subscription, pay_at: str = "") -> None:
    """Send a message about a subscription once the running transaction is committed."""
    facts = {
        "plan": row.plan.tier.title,
        "next_plan": row.next_plan.tier.title if row.next_plan else "",
        "ends": row.cancel_at_period_end,
        "pay_at": pay_at,
        **{name: _iso(getattr(row, name)) for name in ("grace_until", "trial_end", "period_end")},
    }
    _later(user_id, kind, facts)


def confirm(row: TopUp) -> None:
    """Send the receipt of a purchase once the running transaction is committed."""
    facts = {
        "tokens": row.tokens,
        "amount": currencies.formatted(row.paid, row.currency),
        "expires_at": _iso(row.expires_at),
        "purchase": str(row.pk),
        "automatic": row.automatic,
    }
    _later(row.user_id, "top_up_receipt", facts)


def tell_of_automatic_top_up(
    user_id: int, kind: str, *, why: str = "", ceiling: AutomaticTopUp | None = None
) -> None:
    """Tell that it was `stopped`, or reached its `ceiling`, once the transaction is committed."""
    facts: dict[str, Any] = {"why": why}
    if ceiling:
        facts["ceiling"] = currencies.formatted(ceiling.monthly_ceiling, ceiling.currency)
        facts["threshold"] = ceiling.threshold
    _later(user_id, f"automatic_top_up_{kind}", facts)


def send(user_id: int, kind: str, facts: dict[str, Any]) -> None:
    """Send the message, unless the account was suspended or deleted meanwhile."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return
    moments = {name: datetime.fromisoformat(facts[name]) for name in _MOMENTS if facts.get(name)}
    known = {"user": user, **facts, **moments}
    email.send(user.email, f"billing/mail/{kind}", known, language=user.language)


def _later(user_id: int, kind: str, facts: dict[str, Any]) -> None:
    transaction.on_commit(partial(enqueue, "billing.tasks.send_message", user_id, kind, facts))


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
