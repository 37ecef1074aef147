"""Devices are described in the reader's language, on pages and in mails."""

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from accounts.models import User
from accounts.templatetags import devices
from tests.accounts.test_security_events import enter

GERMAN = {"Accept-Language": "de"}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


@pytest.mark.parametrize(
    ("name", "german"),
    [
        ("Firefox on Linux", "Firefox unter Linux"),
        ("depends on what on macOS", "depends on what on macOS"),
        ("laptop on my desk", "laptop on my desk"),
        (" on Linux", " on Linux"),
        ("Backup on Linux", "Backup on Linux"),
        ("", ""),
    ],
)
def test_a_name_of_program_and_system(name: str, german: str) -> None:
    assert devices.device(name) == name
    with translation.override("de"):
        assert devices.device(name) == german


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/portal/devices/", "/portal/security/events/"])
def test_pages_in_german(user: User, path: str) -> None:
    client: Client = enter(user)
    assert "Firefox on Linux" in client.get(path).text
    page = client.get(path, headers=GERMAN).text
    assert "Firefox unter Linux" in page
    assert "Firefox on Linux" not in page


def test_a_mail_names_the_browser() -> None:
    facts = {"user_agent": FIREFOX, "timestamp": "", "ip": ""}
    with translation.override("de"):
        text = render_to_string("account/email/password_changed_message.txt", facts)
    assert "Browser: Firefox unter Linux" in text
