"""Receivers for the signals of accounts."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from accounts.models import User
from accounts.signals import account_deleted
from tokens.ledger import free_allowance


@receiver(post_save, sender=User)
def follow_address(
    *, instance: User, created: bool, update_fields: frozenset[str] | None, **_: Any
) -> None:
    """Record the mailbox of the user's new address."""
    if not created and (update_fields is None or "email" in update_fields):
        free_allowance.follow(instance)


@receiver(account_deleted)
def forget_mailbox(*, user: User, **_: Any) -> None:
    """Delete the link between the account and its mailbox."""
    free_allowance.forget(user)
