"""Receivers of account signals: keys end with their account."""

from typing import Any

from django.dispatch import receiver

from accounts.models import User
from accounts.signals import account_deleted, ownership_proven
from apikeys import keys


@receiver(account_deleted)
def revoke_keys(*, user: User, **_: Any) -> None:
    """Revoke the keys of a deleted account and erase their names."""
    keys.revoke_all(user=user)


@receiver(ownership_proven)
def revoke_keys_of_a_stranger(*, user: User, **_: Any) -> None:
    """Revoke keys that were created before the address was verified: they may be a stranger's."""
    for key in keys.active(user):
        keys.revoke(key)
