"""Signing out everywhere, and a new password, also end what editors were granted before."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest
from allauth.idp.oidc.models import Token
from django.db import connection, connections, transaction

from accounts.flows import passwords
from accounts.models import User
from accounts.sessions import session_pairs
from accounts.sessions.revocation import sign_out_everywhere
from tests.accounts.editor import Browser, Editor, allow, let_it_poll

Revoke = Callable[[Editor, User], None]


def by_logout(editor: Editor, user: User) -> None:
    headers = {"Authorization": f"Bearer {session_pairs.issue(user).access}"}
    answer = editor.http.post("/api/auth/logout", json={"all": True}, headers=headers)
    assert answer.status_code == 204


def by_a_new_password(_: Editor, user: User) -> None:
    passwords.replace(user, password="something else entirely")


@pytest.mark.parametrize("revoke", [by_logout, by_a_new_password])
def test_codes_are_void(editor: Editor, browser: Browser, member: User, revoke: Revoke) -> None:
    code = editor.authorize(browser)
    begun = editor.begin_on_device()
    allow(browser, begun)

    revoke(editor, member)

    let_it_poll(begun["device_code"])
    for answer in (editor.redeem(code), editor.poll(begun["device_code"])):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert not Token.objects.exists()


def test_the_pages_are_signed_out(editor: Editor, browser: Browser, member: User) -> None:
    by_logout(editor, member)
    assert browser.get("/accounts/").url.path == "/accounts/login/"
    assert browser.get("/identity/o/authorize", **editor.question).url.path == "/accounts/login/"


@pytest.mark.django_db(transaction=True)
def test_a_rotation_that_is_under_way(editor: Editor, browser: Browser, member: User) -> None:
    """Whoever signs out meanwhile waits for it, and finds the token that comes of it."""
    tokens = editor.redeem(editor.authorize(browser)).json()
    renew = partial(editor.token, grant_type="refresh_token", client_id="vscode")
    renewed = _while_signing_out(member, partial(renew, refresh_token=tokens["refresh_token"]))
    assert renewed.status_code == 200
    assert editor.exchange(renewed.json()["access_token"]).status_code == 401
    assert renew(refresh_token=renewed.json()["refresh_token"]).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_an_exchange_that_is_under_way(editor: Editor, browser: Browser, member: User) -> None:
    tokens = editor.redeem(editor.authorize(browser)).json()
    pair = _while_signing_out(member, partial(editor.exchange, tokens["access_token"])).json()
    headers = {"Authorization": f"Bearer {pair['access']}"}
    assert editor.http.get("/api/users/profile", headers=headers).status_code == 401


def _while_signing_out(user: User, action: Callable[[], httpx.Response]) -> httpx.Response:
    """Act, and commit only when another connection waits to sign the user out everywhere."""
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            answer = action()
            signing_out = threads.submit(_sign_out, user)
            while not _somebody_waits():
                assert not signing_out.done()
        signing_out.result()
    return answer


def _sign_out(user: User) -> None:
    try:
        sign_out_everywhere(user)
    finally:
        connections.close_all()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])
