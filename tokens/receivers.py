"""What tokens do about what happens to accounts."""

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
    """Note the mailbox of the user's new address."""
    if not created and (update_fields is None or "email" in update_fields):
        free_allowance.follow(instance)


@receiver(account_deleted)
def forget_mailbox(*, user: User, **_: Any) -> None:
    """Cut the link between the account and what its mailbox was given."""
    free_allowance.forget(user)
