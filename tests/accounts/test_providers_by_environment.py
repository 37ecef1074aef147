"""GITHUB_…, GOOGLE_… and OIDC_…: a provider is set up where its variables are."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from core.env import social_providers
from tests.accounts.provider import way_out
from tests.accounts.signing_in import code, post, signed_in
from tests.fakes.oidc_provider import OidcProvider


def to_provider(api: APIClient, name: str) -> str:
    """Start linking; return where the user's browser is sent to."""
    browser = Client()
    url = post(api, "users/oauth-accounts", provider=name).json()["authorize_url"]
    ticket = browser.get(url).context["ticket"]
    return way_out(browser.post("/accounts/link/", {"ticket": ticket}))


@pytest.mark.parametrize(
    ("name", "variables", "address"),
    [
        ("github", "GITHUB", "https://github.com/login/oauth/authorize"),
        ("google", "GOOGLE", "https://accounts.google.com/o/oauth2/v2/auth"),
        ("oidc", "OIDC", None),
    ],
)
def test_a_provider_is_offered_once_its_variables_are_set(
    api: APIClient,
    user: User,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    provider_process: OidcProvider,
    name: str,
    variables: str,
    address: str | None,
) -> None:
    monkeypatch.setenv(f"{variables}_CLIENT_ID", "our-id")
    monkeypatch.setenv(f"{variables}_CLIENT_SECRET", "our-secret")
    monkeypatch.setenv("OIDC_SERVER_URL", provider_process.url)
    settings.SOCIALACCOUNT_PROVIDERS = social_providers()
    signed_in(api, user)

    url = urlsplit(to_provider(api, name))

    asked = parse_qs(url.query)
    assert url._replace(query="").geturl() == (
        address or f"{provider_process.url}/oauth2/authorize"
    )
    assert (asked["client_id"], asked["code_challenge_method"]) == (["our-id"], ["S256"])
    assert "our-secret" not in url.query
    others = {"github", "google", "oidc"} - {name}
    assert {code(post(api, "users/oauth-accounts", provider=other)) for other in others} == {
        "invalid_request"
    }


def test_github_signs_no_tokens(
    api: APIClient, user: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_CLIENT_ID", "our-id")
    settings.SOCIALACCOUNT_PROVIDERS = social_providers()
    signed_in(api, user)
    response = post(api, "users/oauth-accounts", provider="github", access_token="x")
    assert (response.status_code, response.json()["error"]["param"]) == (400, "provider")
