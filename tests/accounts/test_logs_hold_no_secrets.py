"""Whatever is sent to sign in, or comes of it, stays out of the logs, however much they say."""

import io
import json
import logging
import logging.config
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.adapters import SocialAccountAdapter
from accounts.models import User
from apikeys import keys
from core.logs import logging_config
from tests.accounts.editor import Browser, Editor, allow, let_it_poll
from tests.accounts.mailbox import reset_key, verification_key
from tests.accounts.provider import come_back, sign_in, way_out
from tests.accounts.signing_in import fresh_email, post
from tests.fakes.oidc_provider import OidcProvider

FIRST, SECOND, THIRD = (f"{word} horse battery staple" for word in ("wrong", "second", "third"))


@pytest.fixture
def logs(db: None) -> Iterator[io.StringIO]:
    """All that is logged at DEBUG, by our own configuration, SQL included."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    config = logging_config(level="DEBUG", as_json=True)
    config["handlers"]["console"]["stream"] = stream
    logging.config.dictConfig(config)
    connection.force_debug_cursor = True
    yield stream
    connection.force_debug_cursor = False
    logging.config.dictConfig(django_settings.LOGGING)
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def sub(provider: OidcProvider) -> str:
    name = fresh_email()
    provider.put_user(name, email=name, email_verified=True)
    return name


def test_passwords_sessions_and_keys(api: APIClient, db: None, logs: io.StringIO) -> None:
    email = fresh_email()
    secrets = {FIRST, SECOND, THIRD, "a wrong guess"}

    def take(response: Any) -> Any:
        secrets.update(response.json()[name] for name in ("access", "refresh"))
        return response.json()

    pair = take(post(api, "auth/register", email=email, password=FIRST))
    secrets.add(verification_key(email))
    post(api, "auth/verify-email", key=verification_key(email))
    post(api, "auth/login", email=email, password="a wrong guess")
    take(post(api, "auth/login", email=email, password=FIRST))
    pair = take(post(api, "auth/refresh", refresh=pair["refresh"]))
    post(api, "auth/refresh", refresh=pair["refresh"][:-3])
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    post(api, "auth/password/change", current_password=FIRST, new_password=SECOND)
    post(api, "auth/password/change", current_password="a wrong guess", new_password=SECOND)
    secrets.add(post(api, "api-keys", name="editor").json()["key"])
    api.get("/api/users/sessions")
    post(api, "auth/logout", all=True)
    api.credentials()
    post(api, "auth/password/reset", email=email)
    secrets.add(reset_key(email))
    post(api, "auth/password/reset/confirm", key=reset_key(email), new_password=THIRD)
    post(api, "auth/password/reset/confirm", key=reset_key(email) + "x", new_password=THIRD)
    pair = take(post(api, "auth/login", email=email, password=THIRD))
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")
    api.delete("/api/users/account", {"password": THIRD}, format="json")

    assert_none_of(secrets, logs)


def test_what_fails_in_the_middle(
    user: User, logs: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback shows code, and not what it was called with."""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the hasher is gone")

    monkeypatch.setattr(User, "check_password", fail)
    api = APIClient(raise_request_exception=False)
    assert post(api, "auth/login", email=user.email, password=FIRST).status_code == 500
    assert "the hasher is gone" in logs.getvalue()
    assert_none_of({FIRST}, logs)


def test_api_keys(user: User, logs: io.StringIO) -> None:
    _, key = keys.create(user=user, name="editor")
    for shown in (key, key[:-1]):
        APIClient().get("/api/auth/me", headers={"X-API-Key": shown})
        APIClient().get("/api/auth/me", headers={"Authorization": f"Bearer {shown}"})
    assert_none_of({key}, logs)


def test_the_pages(client: Client, db: None, logs: io.StringIO) -> None:
    email = fresh_email()
    client.post("/accounts/signup/", {"email": email, "password1": FIRST, "password2": FIRST})
    key = verification_key(email)
    for slash in ("/", ""):
        client.get(f"/accounts/confirm-email/{key}{slash}")
    cookie = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    Client().post("/accounts/login/", {"login": email, "password": SECOND})
    client.post("/accounts/password/reset/", {"email": email})
    new = reset_key(email)
    client.get(f"/accounts/password/reset/key/{new}/", follow=True)
    assert_none_of({FIRST, SECOND, cookie, key, new, new.partition("-")[2]}, logs)


def test_a_callback_that_fails(
    provider: OidcProvider, sub: str, logs: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django logs the whole address of what it answers by 500."""

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the database is gone")

    monkeypatch.setattr(SocialAccountAdapter, "pre_social_login", fail)
    browser = Client(raise_request_exception=False)
    back = provider.approve(way_out(browser.post("/accounts/oidc/oidc/login/")), sub=sub)
    assert browser.get(back).status_code == 500
    query = parse_qs(urlsplit(back).query)
    assert "the database is gone" in logs.getvalue()
    assert_none_of({query["code"][0], query["state"][0]}, logs)


def test_another_site(
    api: APIClient, user: User, provider: OidcProvider, sub: str, logs: io.StringIO
) -> None:
    browser, secrets = Client(), set[str]()
    approve: Callable[..., str] = provider.approve

    def watched(authorize_url: str, *, sub: str) -> str:
        back = approve(authorize_url, sub=sub)
        for each in (authorize_url, back):
            query = parse_qs(urlsplit(each).query)
            secrets.update(query[name][0] for name in ("code", "state") if name in query)
        return back

    provider.approve = watched  # type: ignore[method-assign]
    try:
        pair = post(api, "auth/login", email=user.email, password="correct horse battery staple")
        api.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.json()['access']}")
        url = post(api, "users/oauth-accounts", provider="oidc").json()["authorize_url"]
        ticket = parse_qs(urlsplit(url).query)["ticket"][0]
        browser.get(url)
        consented = browser.post("/accounts/link/", {"ticket": ticket})
        come_back(browser, provider, consented, sub=sub)
        sign_in(Client(), provider, sub=sub)
        token = provider.id_token(sub=sub)
        post(api, "users/oauth-accounts", provider="oidc", id_token=token)
        post(api, "users/oauth-accounts", provider="oidc", id_token=token[:-9])
    finally:
        provider.approve = approve  # type: ignore[method-assign]

    assert len(secrets) == 5  # two codes with their states, and the code of the id_token
    assert_none_of({*secrets, ticket, token}, logs)


def test_an_editor(editor: Editor, browser: Browser, logs: io.StringIO) -> None:
    granted = editor.authorize(browser)
    tokens = editor.redeem(granted).json()
    editor.redeem(granted)
    pair = editor.exchange(tokens["access_token"]).json()
    editor.exchange(tokens["access_token"])
    begun = editor.begin_on_device()
    editor.poll(begun["device_code"])
    allow(browser, begun)
    let_it_poll(begun["device_code"])
    by_device = editor.poll(begun["device_code"]).json()
    secrets = {granted, editor.verifier, begun["device_code"], begun["user_code"]}
    secrets |= {value for key, value in (tokens | by_device).items() if key.endswith("_token")}
    assert_none_of({*secrets, pair["access"], pair["refresh"]}, logs)


def assert_none_of(secrets: set[str], logs: io.StringIO) -> None:
    lines = logs.getvalue().splitlines()
    assert any(json.loads(line)["event"] == "request" for line in lines)
    found = {secret for secret in secrets if secret in logs.getvalue()}
    assert not found, [line for line in lines if any(each in line for each in found)]
