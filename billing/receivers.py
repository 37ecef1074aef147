"""Receivers of account signals in billing."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from accounts.models import User
from accounts.signals import account_deleted
from billing.stripe import gateway
from billing.subscriptions import leaving
from core.queue import enqueue


@receiver(post_save, sender=User)
def make_customer(*, instance: User, created: bool, **_: Any) -> None:
    """Have the worker make a customer for whoever signs up; nobody waits for it."""
    if created and gateway.is_set_up():
        transaction.on_commit(partial(enqueue, "billing.tasks.make_customer", instance.pk))


@receiver(post_save, sender=User)
def follow_address(
    *, instance: User, created: bool, update_fields: frozenset[str] | None, **_: Any
) -> None:
    """Have the worker tell Stripe where to write to from now on; nobody waits for it."""
    may_have_changed = update_fields is None or "email" in update_fields
    if may_have_changed and not created and gateway.is_set_up():
        transaction.on_commit(partial(enqueue, "billing.tasks.follow_address", instance.pk))


@receiver(account_deleted)
def end_subscription(*, user: User, **_: Any) -> None:
    """Have the worker end the subscription of whoever leaves, once they have left."""
    leaving.mark(user)
    if gateway.is_set_up():
        transaction.on_commit(partial(enqueue, "billing.tasks.say_goodbye"))
