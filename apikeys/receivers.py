"""Receivers of account signals: keys end with their account."""

from typing import Any

from django.dispatch import receiver

from accounts.models import User
from accounts.signals import account_deleted, ownership_proven
from apikeys import keys


@receiver(account_deleted)
def revoke_keys(*, user: User, **_: Any) -> None:
    """End the keys of a deleted account, and forget what their user called them."""
    keys.revoke_all(user=user)


@receiver(ownership_proven)
def revoke_keys_of_a_stranger(*, user: User, **_: Any) -> None:
    """End the keys that were made before the address was proven: they may be anybody's."""
    for key in keys.living(user):
        keys.revoke(key)
