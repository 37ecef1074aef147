"""Whatever Host a request names, the links in the messages that it causes lead to this site."""

import re

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tests.accounts.signing_in import fresh_email, just_signed_in, verify_address
from tests.factories import PASSWORD

EVIL = "evil.example:8443"
SITE = "https://api.example.com"


@pytest.fixture(autouse=True)
def _open_to_every_host(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    settings.PUBLIC_URL = SITE


def api(path: str, **body: str) -> int:
    headers = {"host": EVIL, "x-forwarded-host": EVIL}
    answer = Client().post(f"/api/{path}", body, content_type="application/json", headers=headers)
    return answer.status_code


def links() -> list[str]:
    [message] = mail.outbox
    assert "evil" not in f"{message.subject} {message.body} {message.from_email}"
    return re.findall(r"https?://\S+", str(message.body))


@pytest.mark.parametrize("known", [True, False])
def test_of_a_reset_by_the_api(user: User, known: bool) -> None:
    assert api("auth/password/reset", email=user.email if known else fresh_email()) == 202

    assert links()
    assert all(link.startswith(f"{SITE}/accounts/") for link in links())


@pytest.mark.parametrize("known", [True, False])
def test_of_a_reset_by_the_page(client: Client, user: User, known: bool) -> None:
    email = user.email if known else fresh_email()

    client.post("/accounts/password/reset/", {"email": email}, headers={"host": EVIL})

    assert all(link.startswith(f"{SITE}/accounts/") for link in links())


@pytest.mark.parametrize("mode", ["optional", "mandatory"])
@pytest.mark.parametrize("known", [True, False])
def test_of_registering(user: User, settings: Settings, mode: str, known: bool) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = mode
    status = api("auth/register", email=user.email if known else fresh_email(), password=PASSWORD)

    if status != 409:
        assert links()
        assert all(link.startswith(f"{SITE}/accounts/") for link in links())


@pytest.mark.parametrize("known", [True, False])
def test_of_asking_for_the_verification_again(user: User, known: bool) -> None:
    assert api("auth/verify-email/resend", email=user.email if known else fresh_email()) == 202

    assert all(link.startswith(f"{SITE}/accounts/") for link in links())


def test_of_a_notification(client: Client, user: User) -> None:
    verify_address(user)
    client.force_login(user)
    just_signed_in(client, user)
    body = {
        "oldpassword": PASSWORD,
        "password1": "an entirely new one",
        "password2": "an entirely new one",
    }

    client.post("/accounts/password/change/", body, headers={"host": EVIL})

    assert links() == []
    assert "api.example.com" in str(mail.outbox[0].body)


def test_without_a_public_url_they_lead_to_the_first_named_host(
    user: User, settings: Settings
) -> None:
    settings.PUBLIC_URL = ""
    settings.ALLOWED_HOSTS = ["*", ".example.org", "named.example.org", EVIL.partition(":")[0]]
    api("auth/password/reset", email=user.email)

    assert all("//named.example.org/accounts/" in link for link in links())
