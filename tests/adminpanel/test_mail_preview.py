"""Every email, as staff see it before users do: with its text, in German and English."""

import re

import pytest
from django.test import Client
from pytest_django import Settings

from adminpanel.site.mail_pages import _names
from tests.adminpanel.site import signed_in

NAMES = sorted(_names())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_mail_can_be_seen(db: None, settings: Settings, name: str, language: str) -> None:
    settings.SITE_NAME, settings.PUBLIC_URL = "Acme AI", "https://acme.example"
    staff = signed_in("support")
    html = staff.get(f"/admin/mails/{name}/?language={language}")
    text = staff.get(f"/admin/mails/{name}/?language={language}&format=text")
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert f'<html lang="{language}">' in html.text
    for shown in (html.text, text.text):
        assert "Acme AI" in shown
        assert "acme.example" in shown
        assert "Tokengate" not in shown
        assert not re.search(r"{[{%]|None|\b&amp;amp;", shown)
    assert ("Hallo" if language == "de" else "Hello") in text.text
    assert text.text.partition("\n")[0]


def test_the_list_leads_to_all(db: None) -> None:
    page = signed_in("support").get("/admin/mails/").text
    assert all(f"/admin/mails/{name}/" in page for name in NAMES)


def test_only_staff_see_it(client: Client, db: None) -> None:
    assert client.get("/admin/mails/").status_code == 302
    assert signed_in("support").get("/admin/mails/nothing/").status_code == 404
    assert signed_in("support").get(f"/admin/mails/{NAMES[0]}/?language=xx").status_code == 404
