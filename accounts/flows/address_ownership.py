"""Giving an account to whoever proves that its address is theirs.

Anybody may register with somebody else's address, and leave themselves ways back in before its
owner comes by a password reset. So where nobody has proven the address before, these are removed.
A second factor is none of them and stays: enrolling one needs a verified address, and a reset by
mail must not be a way around it.
"""

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount

from accounts.models import User
from accounts.signals import ownership_proven


def prove_ownership(user: User) -> None:
    """Mark the user's own address as verified; the first time, remove every other way in.

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
