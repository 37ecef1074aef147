"""Limits of attempts by IP address and by account, against brute force and floods.

An attempt is counted before the password is checked, so parallel attempts gain nothing.
"""

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django_ratelimit.core import get_usage

from accounts.models import User
from core.errors import RateLimited

_CARD_LOOKUPS = "30/m"


def count_registration(request: HttpRequest) -> None:
    """Raise ``RateLimited`` when this address has registered too often."""
    _count(request, group="register", rate=settings.REGISTER_RATE, key="ip")


def count_device_code(request: HttpRequest) -> None:
    """Raise ``RateLimited`` when this address has started too many device sign-ins."""
    _count(request, group="device-code", rate=settings.DEVICE_CODE_RATE, key="ip")


def count_login(request: HttpRequest, *, email: str) -> None:
    """Raise ``RateLimited`` when this address, or anybody on this account, has tried too often.

    The last login is part of the account's key: to log in starts a new count, so that only
    attempts that fail add up.
    """
    _count(request, group="login-address", rate=settings.LOGIN_RATE_PER_ADDRESS, key="ip")
    last_login = User.objects.filter(email=email).values_list("last_login", flat=True).first()
    _count(
        request,
        group="login-account",
        rate=settings.LOGIN_RATE_PER_ACCOUNT,
        key=lambda *_: f"{email} {last_login}",
    )


def count_password(request: HttpRequest, *, user: User) -> None:
    """Raise ``RateLimited`` when a session has been used to guess its user's password."""
    rate = settings.LOGIN_RATE_PER_ACCOUNT
    _count(request, group="password", rate=rate, key=lambda *_: f"{user.pk} {user.last_login}")


def count_code(request: HttpRequest, *, user: User) -> None:
    """Raise ``RateLimited`` when somebody has guessed too often at this user's second factor.

    Counted before the code is looked at; the next login starts a new count, as in ``count_login``.
    """
    rate = settings.LOGIN_RATE_PER_ACCOUNT
    _count(request, group="code", rate=rate, key=lambda *_: f"{user.pk} {user.last_login}")


def count_message(request: HttpRequest, *, email: str) -> None:
    """Raise ``RateLimited`` when this address has asked for many messages, or this email got them.

    Nobody learns by it whether the email has an account.
    """
    _count(request, group="message-address", rate=settings.MESSAGE_RATE_PER_ADDRESS, key="ip")
    rate = settings.MESSAGE_RATE_PER_EMAIL
    _count(request, group="message-email", rate=rate, key=lambda *_: email)


def count_card_lookup(request: HttpRequest, *, user: User) -> None:
    """Raise ``RateLimited`` when this user has opened too often a page for which Stripe is asked.

    Stripe allows the whole of our account 100 requests a second.
    """
    _count(request, group="card", rate=_CARD_LOOKUPS, key=lambda *_: str(user.pk))


def may_be_told(request: HttpRequest, *, email: str) -> bool:
    """Tell whether this email may get one more message that others can have sent to it."""
    try:
        rate = settings.MESSAGE_RATE_PER_EMAIL
        _count(request, group="taken-email", rate=rate, key=lambda *_: email)
    except RateLimited:
        return False
    return True


def _count(request: HttpRequest, *, group: str, rate: str, key: str | Callable[..., str]) -> None:
    usage = get_usage(request, group=group, key=key, rate=rate, increment=True)
    if usage and usage["should_limit"]:
        wait = max(1, usage["time_left"])
        raise RateLimited(retry_after=wait, resets_at=timezone.now() + timedelta(seconds=wait))
