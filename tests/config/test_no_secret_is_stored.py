"""After all that a user can do to sign in, a dump of the whole database has no secret in the clear.

``tests/billing/test_no_secret_of_stripe_is_stored.py`` does the same after a billing journey.
"""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session as BrowserSession
from django.db import IntegrityError, transaction
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.flows import factor_secrets
from accounts.models import User
from tests.accounts.conftest import browser, connect, editor, member
from tests.accounts.editor import Browser, Editor, allow
from tests.accounts.mailbox import reset_key, verification_key
from tests.accounts.provider import provider, provider_process, sign_in
from tests.accounts.second_factor import code_of
from tests.accounts.signing_in import fresh_email, post, verify_address
from tests.databases import dump
from tests.factories import PASSWORD
from tests.fakes.oidc_provider import OidcProvider

__all__ = ["browser", "connect", "editor", "member", "provider", "provider_process"]
COOKIE = django_settings.SESSION_COOKIE_NAME


class Kept(set[str]):
    """The secrets that somebody was given, and keeps for themselves."""

    def add(self, secret: Any) -> None:
        assert isinstance(secret, str)
        assert len(secret) >= 6, "too short to be searched for"
        super().add(secret)

    def require_none_in(self, stored: str) -> None:
        assert len(self) > 3
        assert [secret for secret in self if secret in stored] == []


@pytest.fixture
def kept(db: None) -> Iterator[Kept]:
    found = Kept()
    yield found
    found.require_none_in(dump())
    configured = (django_settings.SECRET_KEY, django_settings.IDP_OIDC_PRIVATE_KEY)
    assert [secret for secret in configured if secret[:40] in dump()] == []


def test_passwords_sessions_keys_and_links_of_messages(api: APIClient, kept: Kept) -> None:
    email = fresh_email()
    pair = post(api, "auth/register", email=email, password=PASSWORD).json()
    kept.add(PASSWORD)
    kept.add(verification_key(email))
    post(api, "auth/verify-email", key=verification_key(email))
    renewed = post(api, "auth/refresh", refresh=pair["refresh"]).json()
    for each in (pair, renewed):
        kept.add(each["access"])
        kept.add(each["refresh"])
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {renewed['access']}")
    made = post(api, "api-keys", name="editor").json()
    kept.add(made["key"])
    kept.add(post(api, f"api-keys/{made['id']}/rotate").json()["key"])
    post(api, "auth/password/reset", email=email)
    kept.add(reset_key(email))


def test_a_second_factor_from_its_setting_up_on(client: Client, user: User, kept: Kept) -> None:
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    verify_address(user)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.get("/accounts/2fa/totp/activate/")
    secret = client.session["mfa.totp.secret"]
    kept.add(secret)
    assert secret not in dump()
    client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    client.get("/accounts/2fa/recovery-codes/")

    recovery = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    kept.add(factor_secrets.decrypt(recovery.data["seed"]))
    for code in recovery.wrap().generate_codes():
        kept.add(code)
    kept.add(client.cookies[COOKIE].value)
    assert BrowserSession.objects.exists()


def test_editors_and_devices(editor: Editor, browser: Browser, kept: Kept) -> None:
    granted = editor.authorize(browser)
    tokens = editor.redeem(granted).json()
    begun = editor.begin_on_device()
    allow(browser, begun)
    tokens_of_device = editor.poll(begun["device_code"]).json()
    pair = editor.exchange(tokens["access_token"]).json()

    for secret in (granted, begun["device_code"], begun["user_code"], editor.verifier):
        kept.add(secret)
    for name in ("access_token", "refresh_token"):
        kept.add(tokens[name])
        kept.add(tokens_of_device[name])
    kept.add(tokens["id_token"])
    kept.add(pair["access"])
    kept.add(pair["refresh"])
    for cookie in browser.http.cookies.jar:
        kept.add(cookie.value)


def test_a_sign_in_provider(
    client: Client, provider: OidcProvider, settings: Settings, kept: Kept
) -> None:
    app = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]
    app["secret"] = f"client-secret-{secrets.token_hex(16)}"
    sub, email = secrets.token_hex(8), fresh_email()
    provider.put_user(sub, email=email, email_verified=True)

    assert sign_in(client, provider, sub=sub).status_code == 302

    assert SocialAccount.objects.get(uid=sub)
    assert not SocialApp.objects.exists()
    assert not SocialToken.objects.exists()
    for secret in (app["secret"], client.cookies[COOKIE].value, provider.id_token(sub=sub)):
        kept.add(secret)
    kept.add(django_settings.SECRET_KEY)


def test_the_database_refuses_secrets_of_providers(user: User) -> None:
    app = {"provider": "github", "name": "x", "client_id": "x"}
    with (
        pytest.raises(IntegrityError, match="accounts_keeps_no_secret_of_a_provider"),
        transaction.atomic(),
    ):
        SocialApp.objects.create(**app, secret="shh")
    account = SocialAccount.objects.create(user=user, provider="github", uid="1")
    with (
        pytest.raises(IntegrityError, match="accounts_keeps_no_token_of_a_provider"),
        transaction.atomic(),
    ):
        SocialToken.objects.create(account=account, token="gho_x")
    SocialApp.objects.create(**app)
