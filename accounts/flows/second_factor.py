"""The second factor: whether a user has one, and whether a sign-in used it.

A user who has one cannot sign in with the password alone: on the pages, allauth asks for the code
before it signs in, and so does the API. Staff pages and endpoints check that the code was given.
"""

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import notices, security_log
from accounts.errors import SecondFactorRequired
from accounts.models import User
from accounts.sessions.revocation import sign_out_everywhere
from accounts.throttling.attempts import count_code
from core import encryption


def is_set_up(user: User) -> bool:
    """Tell whether the user has an authenticator app or a passkey."""
    return bool(is_mfa_enabled(user, [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]))


def passkeys(user: User) -> QuerySet[Authenticator]:
    """Return the user's passkeys."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(
        user=user, type=Authenticator.Type.WEBAUTHN
    )
    return found


def prove(request: HttpRequest, user: User, *, code: str) -> None:
    """Insist on a good code: of the app, or a recovery code. Each is good once.

    A passkey cannot be used by the API: whoever has nothing else signs in with a recovery code.

    Raises ``SecondFactorRequired`` or ``RateLimited``.
    """
    if not code:
        raise SecondFactorRequired
    count_code(request, user=user)
    with_codes = Authenticator.objects.exclude(type=Authenticator.Type.WEBAUTHN)
    for authenticator in with_codes.filter(user=user):
        if _is_good(authenticator, code):
            authenticator.record_usage()
            return
    security_log.note("second_factor_failed", user_id=user.pk, request=request)
    raise SecondFactorRequired("This code is incorrect or has already been used.")


def _is_good(authenticator: Authenticator, code: str) -> bool:
    try:
        return bool(authenticator.wrap().validate_code(code))
    except encryption.Unreadable:
        security_log.note("second_factor_unreadable", user_id=authenticator.user_id)
        return False


@transaction.atomic
def remove(user: User) -> int:
    """Remove the factors of a user who lost them, and tell them; return how many there were.

    For staff only: a user removes theirs on the account pages, with a code. Every session ends,
    so whoever holds one without the factor has to show the password.
    """
    removed: int = Authenticator.objects.filter(user=user).delete()[0]
    if removed:
        security_log.note("second_factor_removed_by_staff", user_id=user.pk)
        sign_out_everywhere(user)
        notices.tell(user, "second_factor_removed")
    return removed


def was_given(request: HttpRequest) -> bool:
    """Tell whether this browser has shown it since it signed in."""
    records = get_authentication_records(request, request.user)
    return any(record["method"] == "mfa" for record in records)


def is_asked_of_staff(user: User) -> bool:
    """Tell whether staff's pages and endpoints want it of this member of staff."""
    return settings.STAFF_MFA_REQUIRED or is_set_up(user)


def require_of_staff(user: User, *, given: bool) -> None:
    """Raise ``SecondFactorRequired`` where this session should have given it, and has not."""
    if not given and is_asked_of_staff(user):
        raise SecondFactorRequired(
            "Staff sign in with a second factor. Send `code` to /api/auth/login."
            if is_set_up(user)
            else "Staff need a second factor. Set it up at /accounts/2fa/, then sign in with it."
        )
