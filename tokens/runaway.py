"""Emails to users whose usage is much higher than usual, as by an agent's loop or a lost key.

An hour is *runaway* if it has cost RUNAWAY_MULTIPLE times the user's usual hour, and at least
RUNAWAY_FLOOR tokens. The usual hour is the average of the hours with usage in the last seven days.
A user gets at most one such email a day.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import Q, Sum
from django.db.models.functions import TruncHour
from django.utils import timezone

from core import email
from tokens.models import Balance, UsageRecord
from tokens.signals import usage_runaway

log = structlog.get_logger("tokengate.tokens")

_USUAL = timedelta(days=7)
_QUIET = timedelta(days=1)


@dataclass(frozen=True)
class Runaway:
    """An hour of a user: its cost so far and the cost of their usual hour, in tokens."""

    user_id: int
    hour: datetime
    charged: int
    usual: int


def send_due() -> int:
    """Email each user whose current or previous hour is runaway; returns how many.

    Concurrent runs do not send twice. An email that cannot be sent is left for the next run.
    """
    if not settings.RUNAWAY_MULTIPLE:
        return 0
    now = timezone.now()
    this = now.replace(minute=0, second=0, microsecond=0)
    return sum(
        _tell(found, now) for hour in (this - timedelta(hours=1), this) for found in of(hour)
    )


def of(hour: datetime) -> Iterable[Runaway]:
    """Find users with a runaway hour who may get an email."""
    after = hour + timedelta(hours=1)
    records = UsageRecord.objects.filter(created_at__gte=hour, created_at__lt=after).order_by()
    spent = records.values("user_id").annotate(total=Sum("charged"))
    for user_id, charged in spent.filter(total__gte=max(settings.RUNAWAY_FLOOR, 1)).values_list(
        "user_id", "total"
    ):
        usual = _usual_hour(user_id, before=hour)
        if charged >= usual * settings.RUNAWAY_MULTIPLE:
            yield Runaway(user_id, hour, int(charged), usual)


def _usual_hour(user_id: int, *, before: datetime) -> int:
    mine = UsageRecord.objects.filter(
        user_id=user_id, created_at__gte=before - _USUAL, created_at__lt=before
    )
    hours = mine.order_by().annotate(hour=TruncHour("created_at")).values("hour")
    sums = list(hours.annotate(total=Sum("charged")).values_list("total", flat=True))
    return int(sum(sums)) // len(sums) if sums else 0


def _tell(found: Runaway, now: datetime) -> bool:
    before = Balance.objects.values_list("alerted_at", flat=True).get(pk=found.user_id)
    quiet = Q(alerted_at=None) | Q(alerted_at__lte=now - _QUIET)
    mine = Balance.objects.filter(
        quiet, pk=found.user_id, user__is_active=True, user__mails_unusual_usage=True
    )
    if not mine.update(alerted_at=now):
        return False
    try:
        _mail(found)
    except OSError:  # smtplib's errors are OSErrors.
        log.exception("runaway_mail_failed", user_id=found.user_id)
        Balance.objects.filter(pk=found.user_id, alerted_at=now).update(alerted_at=before)
        return False
    facts = {"hour": found.hour, "charged": found.charged, "usual": found.usual}
    usage_runaway.send_robust(Balance, user_id=found.user_id, **facts)
    return True


def _mail(found: Runaway) -> None:
    balance = Balance.objects.select_related("user").get(pk=found.user_id)
    facts = {"balance": balance, "found": found}
    user = balance.user
    email.send(user.email, "tokens/runaway", facts, language=user.language)
