"""Changing and resetting passwords: for the API, the pages and staff.

A new password replaces only the password that was read, so only one of several requests with the
same key succeeds. It ends every session that was signed in with the old password.
"""

from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.account.forms import EmailAwarePasswordResetTokenGenerator
from allauth.account.internal.flows.password_reset import request_password_reset
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.models import EmailAddress
from allauth.account.utils import url_str_to_user_pk
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts import security_log
from accounts.errors import InvalidKey, PasswordChanged, WeakPassword, WrongPassword
from accounts.flows.address_ownership import prove_ownership
from accounts.models import User
from accounts.sessions import session_pairs
from accounts.sessions.revocation import sign_out_everywhere
from accounts.throttling.attempts import count_message, count_password
from core.errors import InvalidRequest


def validated(password: str, *, user: User, param: str) -> str:
    """Return the password. Raises ``WeakPassword`` with what Django's validators say of it."""
    try:
        validate_password(password, user)
    except ValidationError as weak:
        messages = weak.messages
        raise WeakPassword(messages[0], param=param, fields={param: messages}) from weak
    return password


def change(
    request: HttpRequest, user: User, *, current: str | None, new: str, session_id: UUID
) -> None:
    """Change the password, or set a first one; every other session is signed out.

    A first one needs a recent sign-in. Raises ``WrongPassword``, ``ReauthenticationRequired``,
    ``WeakPassword``, ``PasswordChanged`` when another request was faster, or ``RateLimited``.
    """
    if user.has_usable_password():
        if current is None:
            raise InvalidRequest("Send your current password.", param="current_password")
        prove(request, user, password=current, param="current_password")
    else:
        session_pairs.require_recent(session_id)
    validated(new, user=user, param="new_password")
    replace(user, password=new, keep=session_id)
    get_adapter().send_notification_mail("account/email/password_changed", user)


def prove(request: HttpRequest, user: User, *, password: str, param: str = "password") -> None:
    """Check the user's password. Raises ``WrongPassword`` or ``RateLimited``."""
    count_password(request, user=user)
    if not user.check_password(password):
        security_log.note("wrong_password", user_id=user.pk, request=request)
        raise WrongPassword(param=param)


def request_reset(request: HttpRequest, *, email: str) -> None:
    """Send a key to whoever has this email; and to a stranger, that they have no account here.

    So both take as long, and nobody can tell who has an account. Raises ``RateLimited``.
    """
    count_message(request, email=email)
    found = filter_users_by_email(email, is_active=True, for_login=True)
    users = [user for user in found if _may_reset_by(email, user)]
    request_password_reset(request, email, users, EmailAwarePasswordResetTokenGenerator())


def reset(*, key: str, new: str) -> None:
    """Set a new password by the key from the message; every session is signed out.

    Raises ``InvalidKey``, also for the losers of a race, or ``WeakPassword``.
    """
    user = _holder(key)
    validated(new, user=user, param="new_password")
    try:
        renew(user, password=new)
    except PasswordChanged as lost:
        raise InvalidKey from lost
    get_adapter().send_notification_mail("account/email/password_reset", user)


def renew(user: User, *, password: str) -> None:
    """Set the password of a user who has shown a key from a message. Raises ``PasswordChanged``."""
    with transaction.atomic():
        replace(user, password=password)
        prove_ownership(user)


def replace(user: User, *, password: str, keep: UUID | None = None) -> None:
    """Write a new password over the one that ``user`` was read with, and sign out all but `keep`.

    Raises ``PasswordChanged`` when it is no longer that one, or the user is suspended.
    """
    hashed = make_password(password)
    unchanged = User.objects.filter(pk=user.pk, password=user.password, is_active=True)
    with transaction.atomic():
        if not unchanged.update(password=hashed):
            raise PasswordChanged
        sign_out_everywhere(user, except_=keep)
        security_log.note("password_changed", user_id=user.pk)
    user.password = hashed


def _may_reset_by(email: str, user: User) -> bool:
    """Allow the account's own address, which a reset proves; another when both are proven."""
    proven = EmailAddress.objects.filter(user=user, verified=True)
    both = {email, user.email} <= set(proven.values_list("email", flat=True))
    return email == user.email or both


def _holder(key: str) -> User:
    uid, _, token = key.partition("-")
    try:
        user = User.objects.filter(pk=url_str_to_user_pk(uid), is_active=True).first()
    except (ValueError, OverflowError) as malformed:
        raise InvalidKey from malformed
    if user is None or not EmailAwarePasswordResetTokenGenerator().check_token(user, token):
        raise InvalidKey
    return user
