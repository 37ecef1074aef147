"""Suspending a user, which ends all their sign-ins, and resuming them."""

from django.db import transaction

from accounts.models import User
from accounts.sessions.revocation import sign_out_everywhere


@transaction.atomic
def suspend(user: User) -> None:
    """Refuse the user from now on, and sign them out everywhere: reactivated, they sign in anew.

    Their API keys are refused as long as they are suspended, and are good again afterwards.
    """
    User.objects.filter(pk=user.pk).update(is_active=False)
    sign_out_everywhere(user)
    user.is_active = False


def resume(user: User) -> None:
    """Let a suspended user in again: they sign in anew, and their API keys are good again."""
    User.objects.filter(pk=user.pk).update(is_active=True)
    user.is_active = True
