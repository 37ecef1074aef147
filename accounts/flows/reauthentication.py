"""Requiring a recent sign-in before a sign-in method is added."""

import time
from uuid import UUID

from allauth.account import app_settings
from allauth.account.internal.flows.login import get_authentication_records
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts.flows import passwords
from accounts.models import User
from accounts.sessions import session_pairs


def require(request: HttpRequest, user: User, *, password: str | None, session_id: UUID) -> None:
    """Require the password or a recent sign-in from an API caller.

    Raises ``WrongPassword``, ``ReauthenticationRequired`` or ``RateLimited``.
    """
    if password is not None and user.has_usable_password():
        passwords.prove(request, user, password=password)
    else:
        session_pairs.require_recent(session_id)


def is_fresh(request: HttpRequest) -> bool:
    """Return whether this browser has signed in recently, by any method."""
    records = get_authentication_records(request, request.user)
    since = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
    return any(record["at"] >= since for record in records)


def sign_in_again(request: HttpRequest, *, then: str) -> HttpResponseRedirect:
    """Sign the browser out and redirect it to the sign-in page, then back.

    For users who have no password to be asked for.
    """
    logout(request)
    return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': then})}")
