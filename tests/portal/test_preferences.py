"""Colors and language: chosen on any page, without JavaScript, and remembered."""

import pytest
from django.test import Client

from accounts.models import User

AWAY = ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]


def choose(client: Client, **fields: str) -> str:
    return client.post("/preferences/", {"next": "/pricing", **fields}).headers["Location"]


def test_colors_follow_the_system_until_they_are_chosen(client: Client) -> None:
    assert "data-theme" not in client.get("/").text
    assert choose(client, theme="dark") == "/pricing"
    assert 'data-theme="dark"' in client.get("/").text
    choose(client, theme="")
    assert "data-theme" not in client.get("/").text


def test_the_language_of_the_browser(client: Client) -> None:
    assert '<html lang="de"' in client.get("/", headers={"Accept-Language": "de-AT,en;q=0.5"}).text
    assert '<html lang="en"' in client.get("/", headers={"Accept-Language": "fr"}).text


def test_a_chosen_language_is_the_accounts(visitor: Client, user: User) -> None:
    choose(visitor, language="de")
    user.refresh_from_db()
    assert user.language == "de"
    assert "Übersicht" in visitor.get("/portal/", headers={"Accept-Language": "en"}).text


@pytest.mark.parametrize("odd", ["xx", "", "../de", "x" * 99])
def test_a_language_that_there_is_not(visitor: Client, user: User, odd: str) -> None:
    choose(visitor, language=odd)
    user.refresh_from_db()
    assert user.language == ""


@pytest.mark.parametrize("away", AWAY)
def test_it_leads_nowhere_else(client: Client, away: str) -> None:
    assert choose(client, next=away, theme="dark") == "/"


def test_it_needs_a_token_and_a_form(db: None) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/preferences/", {"theme": "dark"}).status_code == 403
    assert strict.get("/preferences/").status_code == 405


@pytest.mark.parametrize("path", ["/api/health", "/api/tokens/balance", "/admin/login/"])
def test_the_api_and_the_admin_site_stay_in_english(client: Client, path: str, db: None) -> None:
    answer = client.get(path, headers={"Accept-Language": "de"})
    assert "Content-Language" not in answer.headers
    body = {"email": "no address", "password": ""}
    refused = client.post(
        "/api/auth/login", body, "application/json", headers={"Accept-Language": "de"}
    )
    assert "valid email" in refused.text
