"""A copy of the table of browsers' sessions signs nobody in, and shows nothing of them."""

import secrets
from importlib import import_module

from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.contrib.sessions.backends.db import SessionStore as Djangos
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from accounts.sessions.browser_store import SessionStore, digest
from tests.accounts.editor import session_of
from tests.accounts.second_factor import give_password
from tests.accounts.signing_in import verify_address
from tests.factories import PASSWORD

COOKIE = django_settings.SESSION_COOKIE_NAME
MIGRATION = import_module("accounts.migrations.0007_digests_of_browser_sessions").Migration


def browser_with(cookie: str) -> Client:
    browser = Client()
    browser.cookies[COOKIE] = cookie
    return browser


def is_signed_in(browser: Client) -> bool:
    return browser.get("/accounts/").status_code == 200


def test_what_is_stored_is_no_cookie(client: Client, user: User) -> None:
    give_password(client, user)
    cookie = client.cookies[COOKIE].value
    row = Session.objects.get()

    assert row.session_key == digest(cookie)
    assert is_signed_in(browser_with(cookie))
    assert not is_signed_in(browser_with(row.session_key))


def test_a_secret_that_is_being_set_up_is_not_stored_in_the_clear(
    client: Client, user: User
) -> None:
    verify_address(user)
    give_password(client, user)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.get("/accounts/2fa/totp/activate/")
    secret = client.session["mfa.totp.secret"]
    row = Session.objects.get()

    assert secret
    assert SessionStore().decode(row.session_data)["mfa.totp.secret"] == secret
    assert Djangos().decode(row.session_data) == {}


def test_signing_out_deletes_the_row(client: Client, user: User) -> None:
    give_password(client, user)
    cookie = client.cookies[COOKIE].value

    client.post("/accounts/logout/")

    assert not Session.objects.filter(pk=digest(cookie)).exists()
    assert not is_signed_in(browser_with(cookie))


def test_browsers_of_a_former_version_stay_signed_in(user: User) -> None:
    signed_in = SessionStore(session_of(user)).load()
    old = Djangos()
    old.update(signed_in)
    old.create()
    assert old.session_key
    [operation] = MIGRATION.operations

    assert not is_signed_in(browser_with(old.session_key))
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(operation.sql)

    assert is_signed_in(browser_with(old.session_key))
    assert not Session.objects.filter(pk=old.session_key).exists()


def test_a_rotated_secret_key_keeps_browsers_signed_in_that_came_meanwhile(
    user: User, settings: Settings
) -> None:
    came, stayed_away = browser_with(session_of(user)), browser_with(session_of(user))
    former, settings.SECRET_KEY = settings.SECRET_KEY, secrets.token_urlsafe(50)

    settings.SECRET_KEY_FALLBACKS = [former]
    assert is_signed_in(came)
    settings.SECRET_KEY_FALLBACKS = []

    assert is_signed_in(came)
    assert not is_signed_in(stayed_away)


def test_the_asynchronous_methods_store_digests_too(db: None) -> None:
    async def journey() -> None:
        store = SessionStore()
        await store.aset("a", 1)
        await store.asave()
        key = str(store.session_key)

        assert await Session.objects.filter(pk=digest(key)).aexists()
        assert not await Session.objects.filter(pk=key).aexists()
        assert await store.aexists(key)
        assert await SessionStore(key).aget("a") == 1
        await store.adelete()
        assert not await store.aexists(key)

    async_to_sync(journey)()
