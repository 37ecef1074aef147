"""Nobody learns who has an account: neither by what is answered nor by how much is done for it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core import mail
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from tests.accounts.signing_in import fresh_email, post, verify_address
from tests.factories import PASSWORD

Ask = Callable[[str], Any]


def by_login(email: str) -> Any:
    return post(APIClient(), "auth/login", email=email, password="wrong")


def by_login_page(email: str) -> Any:
    return Client().post("/accounts/login/", {"login": email, "password": "wrong"})


def by_reset(email: str) -> Any:
    return post(APIClient(), "auth/password/reset", email=email)


def by_reset_page(email: str) -> Any:
    return Client().post("/accounts/password/reset/", {"email": email})


def by_resending(email: str) -> Any:
    return post(APIClient(), "auth/verify-email/resend", email=email)


def by_registering(email: str) -> Any:
    return post(APIClient(), "auth/register", email=email, password=PASSWORD)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often a password was hashed: what takes long on purpose."""
    times: list[int] = []
    encode = Argon2PasswordHasher.encode

    def counted(self: Argon2PasswordHasher, password: str, salt: str) -> str:
        times.append(1)
        return encode(self, password, salt)

    monkeypatch.setattr(Argon2PasswordHasher, "encode", counted)
    verify = Argon2PasswordHasher.verify

    def verified(self: Argon2PasswordHasher, password: str, encoded: str) -> bool:
        times.append(1)
        return verify(self, password, encoded)

    monkeypatch.setattr(Argon2PasswordHasher, "verify", verified)
    return times


def told(ask: Ask, email: str, hashed: list[int]) -> tuple[int, str, int, int]:
    """Return status and wording, how often was hashed, and how many messages were sent."""
    hashed.clear()
    mail.outbox.clear()
    answer = ask(email)
    text = answer.text.replace(email, "EMAIL")
    if answer.headers["Content-Type"] == "application/json":
        body = answer.json()
        text = str(body.get("error", {}).get("message", body))
    elif "csrf" in text:
        text = re.sub('name="csrfmiddlewaretoken" value="[^"]*"', "", text)
    return answer.status_code, text, len(hashed), len(mail.outbox)


@pytest.mark.parametrize(
    "ask", [by_login, by_login_page, by_reset, by_reset_page, by_resending, by_registering]
)
def test_known_and_unknown_look_and_cost_the_same(
    user: User, settings: Settings, hashed: list[int], ask: Ask
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    verify_address(user)

    known, unknown = told(ask, user.email, hashed), told(ask, fresh_email(), hashed)

    assert known == unknown
