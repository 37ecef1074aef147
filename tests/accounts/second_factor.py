"""Users with a second factor, and how they sign in on the pages and by the API."""

import time
from typing import Any

from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from tests.accounts.signing_in import fresh_email, post, verify_address
from tests.factories import PASSWORD, UserFactory


def code_of(secret: str) -> str:
    """Return what an authenticator app shows now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def enrolled(**fields: Any) -> tuple[User, str]:
    """Make a user with a second factor; return its secret, too."""
    user: User = UserFactory.create(email=fresh_email(), **fields)
    verify_address(user)
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return user, secret


def give_password(browser: Client, user: User, then: str = "") -> Any:
    body = {"login": user.email, "password": PASSWORD, "next": then}
    return browser.post("/accounts/login/", body)


def give_code(browser: Client, code: str) -> Any:
    return browser.post("/accounts/2fa/authenticate/", {"code": code})


def log_in(user: User, **code: str) -> Any:
    return post(APIClient(), "auth/login", email=user.email, password=PASSWORD, **code)
