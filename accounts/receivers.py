"""What accounts do about what django-allauth reports: one receiver for each event."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.db.models.signals import pre_save
from django.dispatch import receiver

from accounts import verification


@receiver(pre_save, sender=Authenticator)
def insist_on_verified_address(*, instance: Authenticator, raw: bool, **_: Any) -> None:
    """Refuse a new factor on an unverified address, whichever page or code makes it.

    A reset never removes a factor, so a factor that a stranger could enrol on somebody else's
    address would keep its owner out. Raises ``EmailNotVerified``.
    """
    if instance._state.adding and not raw:  # noqa: SLF001 - Django offers no public way to it
        verification.insist_on_verified_own(instance.user)
