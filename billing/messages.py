"""Email to users about their payments."""

from functools import partial

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from accounts.models import User
from billing.models import Subscription
from core.queue import enqueue

SUBJECTS = {
    "payment_failed": "Your payment failed",
    "plan_ended": "Your plan has ended",
    "trial_ending": "Your trial ends soon",
}


def tell(user_id: int, kind: str, *, row: Subscription, pay_at: str = "") -> None:
    """Send a message once the running transaction is committed, by Celery."""
    facts = {
        "plan": row.plan.tier.title,
        "grace_until": row.grace_until.isoformat() if row.grace_until else "",
        "trial_end": row.trial_end.isoformat() if row.trial_end else "",
        "pay_at": pay_at,
    }
    transaction.on_commit(partial(enqueue, "billing.tasks.send_message", user_id, kind, facts))


def send(user_id: int, kind: str, facts: dict[str, str]) -> None:
    """Send the message, unless the account was suspended or deleted meanwhile."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return
    body = render_to_string(f"billing/mail/{kind}.txt", {"user": user, **facts})
    send_mail(SUBJECTS[kind], body, settings.DEFAULT_FROM_EMAIL, [user.email])
