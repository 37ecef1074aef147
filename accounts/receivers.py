"""Receivers of Django's and django-allauth's signals: one for each event."""

from typing import Any

from allauth.mfa import signals as mfa
from allauth.mfa.models import Authenticator
from allauth.socialaccount import signals as social
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import pre_save
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.addresses import fold
from accounts.flows import verification
from accounts.models import User
from accounts.security_log import note
from accounts.sessions import browser_sessions, session_age


@receiver(pre_save, sender=Authenticator)
def require_verified_address(*, instance: Authenticator, raw: bool, **_: Any) -> None:
    """Refuse a new factor on an unverified address, whichever page or code makes it.

    A reset never removes a factor, so a factor that a stranger could enrol on somebody else's
    address would keep its owner out. Raises ``EmailNotVerified``.
    """
    if instance._state.adding and not raw:  # noqa: SLF001 - Django offers no public way to it
        verification.require_verified_own(instance.user)


@receiver(user_login_failed)
def note_failed_login(
    *, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Note a wrong password, or an address that nobody has: by the API and by the pages."""
    note("login_failed", user_id=_id_of(str(credentials.get("email", ""))), request=request)


@receiver(user_logged_in)
def begin_session(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Note that a browser was signed in, and since when."""
    session_age.begin(request)
    browser_sessions.begin(request, user)
    note("browser_signed_in", user_id=user.pk, request=request)


@receiver(user_logged_out)
def end_session(*, request: HttpRequest, **_: Any) -> None:
    """Forget a browser that signs out: its cookie still names it."""
    browser_sessions.end(request)


@receiver(mfa.authenticator_added)
def note_added_factor(
    *, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    note("second_factor_added", user_id=user.pk, request=request, kind=authenticator.type)


@receiver(mfa.authenticator_removed)
def note_removed_factor(
    *, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    note("second_factor_removed", user_id=user.pk, request=request, kind=authenticator.type)


@receiver(mfa.authenticator_reset)
def note_reset_factor(
    *, request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    note("second_factor_reset", user_id=user.pk, request=request, kind=authenticator.type)


@receiver(social.social_account_added)
def note_linked_account(*, request: HttpRequest, sociallogin: Any, **_: Any) -> None:
    account = sociallogin.account
    note("account_linked", user_id=account.user_id, request=request, provider=account.provider)


@receiver(social.social_account_removed)
def note_unlinked_account(*, request: HttpRequest, socialaccount: Any, **_: Any) -> None:
    provider = socialaccount.provider
    note("account_unlinked", user_id=socialaccount.user_id, request=request, provider=provider)


def _id_of(email: str) -> int | None:
    try:
        folded = fold(email)
    except ValueError:
        return None
    return User.objects.filter(email=folded).values_list("pk", flat=True).first()
