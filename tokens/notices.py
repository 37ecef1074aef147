"""Emails to users who have used 80 % or 100 % of their tokens, once each in a period.

A task scans the balances every few minutes, so settling a request takes no extra time. The scan is
one pass over a narrow table; an index would have to be updated by each request.
"""

import structlog
from django.db.models import F, QuerySet

from core import email
from tokens.models import Balance
from tokens.signals import balance_low

log = structlog.get_logger("tokengate.tokens")

# The highest first: a user who passes both limits at once gets one email.
LEVELS = (100, 80)


def send_due() -> int:
    """Send the emails that are due; returns how many. Concurrent runs do not send twice.

    An email that cannot be sent is left for the next run.
    """
    return sum(
        _tell(user_id, level)
        for level in LEVELS
        for user_id in _low(level).values_list("user_id", flat=True)
    )


def _low(level: int) -> QuerySet[Balance]:
    """Balances with so little left, including bonus, whose user got no email yet.

    Suspended and deleted users and balances without an allowance are excluded.
    """
    left = F("allocated") + F("bonus") - F("used")
    few = Balance.objects.alias(left_percent=left * 100)
    return few.filter(
        left_percent__lte=F("allocated") * (100 - level),
        notified__lt=level,
        allocated__gt=0,
        user__is_active=True,
        user__mails_balance=True,
    )


def _tell(user_id: int, level: int) -> bool:
    before = Balance.objects.values_list("notified", flat=True).get(pk=user_id)
    if not _low(level).filter(pk=user_id, notified=before).update(notified=level):
        return False
    balance = Balance.objects.select_related("user", "tier").get(pk=user_id)
    try:
        _mail(balance, level)
    except OSError:  # smtplib's errors are OSErrors.
        log.exception("balance_mail_failed", user_id=user_id)
        claimed = Balance.objects.filter(pk=user_id, notified=level)
        claimed.filter(period_start=balance.period_start).update(notified=before)
        return False
    balance_low.send_robust(Balance, user_id=user_id, percent=level, available=balance.available)
    return True


def _mail(balance: Balance, level: int) -> None:
    facts = {"balance": balance, "level": level, "left": balance.available + balance.reserved}
    user = balance.user
    email.send(user.email, "tokens/balance_low", facts, language=user.language)
