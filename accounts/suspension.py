"""Suspending a user, staff's way to end everything he is signed in by, and letting him in again."""

from django.db import transaction

from accounts.models import User
from accounts.revocation import sign_out_everywhere


@transaction.atomic
def suspend(user: User) -> None:
    """Refuse the user from now on, and sign him out everywhere: reactivated, he signs in anew.

    His API keys are refused as long as he is suspended, and are good again afterwards.
    """
    User.objects.filter(pk=user.pk).update(is_active=False)
    sign_out_everywhere(user)
    user.is_active = False


def resume(user: User) -> None:
    """Let a suspended user in again: he signs in anew, and his API keys are good as they were."""
    User.objects.filter(pk=user.pk).update(is_active=True)
    user.is_active = True
