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


def insist(request: HttpRequest, user: User, *, password: str | None, session_id: UUID) -> None:
    """Let an API caller go on by their password, or by having signed in a moment ago.

    Raises ``WrongPassword``, ``ReauthenticationRequired`` or ``RateLimited``.
    """
    if password is not None and user.has_usable_password():
        passwords.prove(request, user, password=password)
    else:
        session_pairs.insist_on_recent(session_id)


def is_fresh(request: HttpRequest) -> bool:
    """Tell whether this browser has signed in a moment ago, by whatever means."""
    records = get_authentication_records(request, request.user)
    since = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
    return any(record["at"] >= since for record in records)


def sign_in_again(request: HttpRequest, *, then: str) -> HttpResponseRedirect:
    """Sign the browser out, and lead it back by way of the sign-in page.

    For users who have no password to be asked for.
    """
    logout(request)
    return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': then})}")
