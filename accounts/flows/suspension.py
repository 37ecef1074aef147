"""Suspending a user, which ends all their sign-ins, and resuming them."""

from django.db import transaction

from accounts.models import User
from accounts.sessions.revocation import sign_out_everywhere


@transaction.atomic
def suspend(user: User) -> None:
    """Suspend the user and sign them out everywhere. After they are resumed, they sign in again.

    Their API keys are refused as long as they are suspended, and are good again afterwards.
    """
    User.objects.filter(pk=user.pk).update(is_active=False)
    sign_out_everywhere(user)
    user.is_active = False


def resume(user: User) -> None:
    """Resume a suspended user. They sign in again, and their API keys work again."""
    User.objects.filter(pk=user.pk).update(is_active=True)
    user.is_active = True
