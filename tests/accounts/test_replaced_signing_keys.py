"""Secrets are replaced without signing anybody out: that of sessions, and that of the editors."""

import jwt
from pytest_django import Settings

from accounts.models import User
from config import rotation
from devserver.embedded.secret import rsa_key
from tests.accounts.editor import Browser, Editor


def sign_in(editor: Editor, browser: Browser) -> dict[str, str]:
    tokens = editor.redeem(editor.authorize(browser)).json()
    pair: dict[str, str] = editor.exchange(tokens["access_token"]).json()
    return {"id_token": tokens["id_token"], **pair}


def test_the_key_of_the_editors(
    editor: Editor, browser: Browser, member: User, settings: Settings
) -> None:
    pair = sign_in(editor, browser)
    under_way = editor.redeem(Editor.authorize(editor, browser)).json()
    settings.IDP_OIDC_PRIVATE_KEY = rsa_key()

    refreshed = editor.http.post("/api/auth/refresh", json={"refresh": pair["refresh"]})
    assert refreshed.status_code == 200, refreshed.text
    assert editor.exchange(under_way["access_token"]).status_code == 200

    again = sign_in(editor, browser)
    metadata = editor.http.get("/.well-known/openid-configuration").json()
    (key,) = editor.http.get(metadata["jwks_uri"]).json()["keys"]
    assert jwt.get_unverified_header(again["id_token"])["kid"] == key["kid"]
    assert jwt.get_unverified_header(pair["id_token"])["kid"] != key["kid"]
    claims = jwt.decode(
        again["id_token"], jwt.PyJWK(key).key, algorithms=["RS256"], audience="vscode"
    )
    assert claims["sub"] == str(member.pk)


def test_the_key_of_the_sessions_while_an_editor_signs_in(
    editor: Editor, browser: Browser, member: User, settings: Settings
) -> None:
    """The browser's cookie, a granted code and the editor's session outlive SECRET_KEY."""
    pair = sign_in(editor, browser)
    code = editor.authorize(browser)
    changed = rotation.rotated(secret=settings.SECRET_KEY, fallbacks=[])
    settings.SECRET_KEY = changed["SECRET_KEY"]
    settings.SECRET_KEY_FALLBACKS = changed["SECRET_KEY_FALLBACKS"].split(",")

    assert editor.redeem(code).status_code == 200
    assert browser.get("/portal/").url.path == "/portal/"
    refreshed = editor.http.post("/api/auth/refresh", json={"refresh": pair["refresh"]})
    assert refreshed.status_code == 200
