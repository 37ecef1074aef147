"""Browsers that sign in by a real OpenID provider."""

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from tests.fakes.oidc_provider import CLIENT_ID, OidcProvider


@pytest.fixture(scope="session")
def provider_process() -> Iterator[OidcProvider]:
    with OidcProvider() as process:
        yield process


@pytest.fixture
def provider(provider_process: OidcProvider, settings: Settings) -> OidcProvider:
    """Set the provider up, as OIDC_SERVER_URL and its companions would."""
    app = {
        "provider_id": "oidc",
        "name": "Acme",
        "client_id": CLIENT_ID,
        "secret": "any",
        "settings": {"server_url": provider_process.url},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {
        **django_settings.SOCIALACCOUNT_PROVIDERS,
        "openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True},
    }
    return provider_process


def come_back(browser: Client, provider: OidcProvider, to_provider: Any, *, sub: str) -> Any:
    """Follow the way to the provider, sign in there, and come back."""
    return browser.get(provider.approve(way_out(to_provider), sub=sub))


def way_out(page: Any) -> str:
    """Return where the page sends the browser on to, which no redirect after a form may do."""
    assert page.status_code == 200, page.content
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]*)"', page.content.decode())
    assert found
    return html.unescape(found[1])


def sign_in(browser: Client, provider: OidcProvider, *, sub: str) -> Any:
    """Choose the provider on the sign-in page."""
    return come_back(browser, provider, browser.post("/accounts/oidc/oidc/login/"), sub=sub)
