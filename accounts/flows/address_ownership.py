"""Removing what others may have added, when a user first proves that they own the address.

Anyone can register with someone else's address and add other ways to sign in before the owner
resets the password. Therefore, the first reset of an unverified address removes them. A second
factor remains: setting one up requires a verified address, and a password reset must not bypass it.
"""

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount

from accounts.models import User
from accounts.signals import ownership_proven


def prove_ownership(user: User) -> None:
    """Mark the user's own address as verified; the first time, remove all other sign-in methods.

    Call it in the transaction that sets the new password, with the user's row locked.
    """
    own = EmailAddress.objects.filter(user=user, email=user.email)
    if own.filter(verified=True).exists():
        return
    EmailAddress.objects.filter(user=user).exclude(email=user.email).delete()
    EmailAddress.objects.filter(email=user.email).exclude(user=user).delete()
    SocialAccount.objects.filter(user=user).delete()
    EmailAddress.objects.update_or_create(
        user=user, email=user.email, defaults={"verified": True, "primary": True}
    )
    ownership_proven.send(sender=User, user=user)
