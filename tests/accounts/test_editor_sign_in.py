"""Signing in from an editor by authorization code and PKCE, and what is refused."""

import httpx
import jwt
import pytest
from allauth.idp.oidc.internal.oauthlib import authorization_codes
from allauth.idp.oidc.models import Token
from django.core.cache import cache
from django.utils import timezone

from accounts.models import Session, User
from tests.accounts.editor import REDIRECT, Browser, Connect, Editor, link_to_editor, returned

AUTHORIZE = "/identity/o/authorize"


def test_an_authorization_code_becomes_a_session(
    editor: Editor, browser: Browser, member: User
) -> None:
    page = browser.get(AUTHORIZE, **editor.question)
    assert "Visual Studio Code wants to use your account" in page.text
    done = browser.submit(page, action="grant")
    assert "You can go back to your editor" in done.text
    answer = returned(done)
    assert answer["state"] == editor.state

    tokens = editor.redeem(answer["code"])
    assert tokens.status_code == 200
    assert tokens.headers["Cache-Control"] == "no-store"
    claims = jwt.decode(tokens.json()["id_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["aud"]) == (str(member.pk), "vscode")

    pair = editor.exchange(tokens.json()["access_token"])
    assert pair.status_code == 200
    assert set(pair.json()) == {"access", "refresh", "expires_in", "token_type", "user"}
    assert pair.json()["user"]["email"] == member.email
    assert Session.objects.get(user=member).name == "Visual Studio Code"
    assert not Token.objects.filter(user=member).exists()
    headers = {"Authorization": f"Bearer {pair.json()['access']}"}
    assert editor.http.get("/api/users/profile", headers=headers).status_code == 200


def test_a_stranger_signs_in_first(editor: Editor, connect: Connect) -> None:
    page = Browser(connect()).get(AUTHORIZE, **editor.question)
    assert page.url.path == "/accounts/login/"
    assert "code_challenge" in page.url.params["next"]


def test_cancel(editor: Editor, browser: Browser) -> None:
    page = browser.get(AUTHORIZE, **editor.question)
    answer = returned(browser.submit(page, action="cancel"))
    assert answer == {"error": "access_denied", "state": editor.state}


def test_consent_needs_the_csrf_token(editor: Editor, browser: Browser) -> None:
    page = browser.get(AUTHORIZE, **editor.question)
    refused = browser.submit(page, action="grant", csrfmiddlewaretoken="x" * 64)
    assert refused.status_code == 403
    assert not link_to_editor(refused)


def test_discovery(editor: Editor) -> None:
    metadata = editor.http.get("/.well-known/openid-configuration").json()
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["response_types_supported"] == ["code"]
    assert "api" in metadata["scopes_supported"]
    for name in ("authorization", "token", "device_authorization", "revocation", "userinfo"):
        assert metadata[f"{name}_endpoint"].startswith(f"{metadata['issuer']}/identity/o/")
    assert editor.http.get(metadata["jwks_uri"]).json()["keys"][0]["kty"] == "RSA"


def test_token_confusion(editor: Editor, browser: Browser) -> None:
    """None of the editor's tokens is an access token of ours; only one is good for the exchange."""
    tokens = editor.redeem(editor.authorize(browser)).json()
    for name in ("access_token", "id_token", "refresh_token"):
        headers = {"Authorization": f"Bearer {tokens[name]}"}
        assert editor.http.get("/api/users/profile", headers=headers).status_code == 401
    for name in ("id_token", "refresh_token"):
        assert _error(editor.exchange(tokens[name])) == (401, "invalid_token")
    assert editor.exchange(tokens["access_token"]).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge_method": "plain"},
        {"code_challenge_method": ""},
        {"code_challenge": "short"},
        {"code_challenge": ""},
        {"prompt": "none"},
        {"response_type": "token"},
        {"scope": "openid admin"},
    ],
)
def test_a_bad_question_is_reported_to_the_editor(
    editor: Editor, browser: Browser, changed: dict[str, str]
) -> None:
    page = browser.get(AUTHORIZE, **{**editor.question, **changed})
    answer = returned(page)
    assert answer["error"]
    assert "code" not in answer


@pytest.mark.parametrize(
    "uri",
    [
        f"{REDIRECT}/",
        f"{REDIRECT}/more",
        f"{REDIRECT}#fragment",
        f"{REDIRECT}?next=1",
        f"{REDIRECT}/../callback",
        f"{REDIRECT}/..%2fcallback",
        "vscode://tokengate.tokengate/auth/Callback",
        "vscode://tokengate.tokengate/auth",
        "vscode://TOKENGATE.tokengate/auth/callback",
        "VSCODE://tokengate.tokengate/auth/callback",
        "vscode://user@tokengate.tokengate/auth/callback",
        "vscode://user:password@tokengate.tokengate/auth/callback",
        "vscode://tokengate.tokengate:80/auth/callback",
        "vscode://tokengate.evil/auth/callback",
        "vscode://evil.tokengate/auth/callback",
        "vscode-insiders://tokengate.tokengate/auth/callback",
        "https://tokengate.tokengate/auth/callback",
        "javascript:alert(1)",
        "//evil.example/auth/callback",
        f" {REDIRECT}",
        "",
    ],
)
def test_another_redirect_is_an_error_page(editor: Editor, browser: Browser, uri: str) -> None:
    editor.redirect_uri = uri
    _check_error_page(browser.get(AUTHORIZE, **editor.question))


@pytest.mark.parametrize("client_id", ["", "emacs", "VSCODE", "cursor"])
def test_another_client_is_an_error_page(editor: Editor, browser: Browser, client_id: str) -> None:
    editor.client_id = client_id
    _check_error_page(browser.get(AUTHORIZE, **editor.question))


def test_parameters_given_twice_are_an_error_page(editor: Editor, browser: Browser) -> None:
    question = httpx.QueryParams(editor.question)
    for name in ("redirect_uri", "client_id", "code_challenge_method", "state"):
        twice = question.add(name, editor.question[name])
        _check_error_page(browser.http.get(AUTHORIZE, params=twice))


def test_a_wrong_verifier_burns_the_code(editor: Editor, browser: Browser) -> None:
    code = editor.authorize(browser)
    assert _refused(editor.redeem(code, code_verifier="x" * 64))
    assert _refused(editor.redeem(code))


@pytest.mark.parametrize(
    "changed",
    [
        {"code_verifier": None},
        {"code_verifier": ""},
        {"redirect_uri": None},
        {"redirect_uri": f"{REDIRECT}/"},
        {"redirect_uri": "cursor://tokengate.tokengate/auth/callback"},
        {"client_id": "cursor"},
        {"client_id": None},
        {"code": "another"},
        {"code": None},
        {"code": "\0"},
        {"grant_type": "password"},
        {"grant_type": None},
    ],
)
def test_refused_at_the_token_endpoint(
    editor: Editor, browser: Browser, changed: dict[str, str | None]
) -> None:
    code = editor.authorize(browser)
    assert _refused(editor.redeem(code, **changed))


def test_replayed(editor: Editor, browser: Browser) -> None:
    code = editor.authorize(browser)
    assert editor.redeem(code).status_code == 200
    assert _refused(editor.redeem(code))


def test_expired(editor: Editor, browser: Browser) -> None:
    code = editor.authorize(browser)
    key = authorization_codes.cache_key("vscode", code)
    assert 0 < cache.ttl(key) <= 60  # type: ignore[attr-defined]  # django-redis has it
    cache.expire(key, 0)  # type: ignore[attr-defined]
    assert _refused(editor.redeem(code))


def test_expired_tokens(editor: Editor, browser: Browser) -> None:
    tokens = editor.redeem(editor.authorize(browser)).json()
    Token.objects.update(expires_at=timezone.now())
    assert _error(editor.exchange(tokens["access_token"])) == (401, "invalid_token")
    refresh = {"client_id": "vscode", "refresh_token": tokens["refresh_token"]}
    assert _refused(editor.token(grant_type="refresh_token", **refresh))


def test_of_a_suspended_user(editor: Editor, browser: Browser, member: User) -> None:
    code = editor.authorize(browser)
    tokens = editor.redeem(editor.authorize(browser)).json()
    User.objects.filter(pk=member.pk).update(is_active=False)
    assert _refused(editor.redeem(code))
    refreshed = editor.token(
        grant_type="refresh_token", client_id="vscode", refresh_token=tokens["refresh_token"]
    )
    assert _refused(refreshed)
    assert _error(editor.exchange(tokens["access_token"])) == (401, "invalid_token")


def test_exchange_needs_the_scope(editor: Editor, browser: Browser) -> None:
    editor.scope = "openid email"
    tokens = editor.redeem(editor.authorize(browser)).json()
    refused = editor.exchange(tokens["access_token"])
    assert _error(refused) == (403, "permission_denied")


@pytest.mark.parametrize("value", ["garbage", "a.b.c", "x" * 5000])
def test_exchange_of_garbage(editor: Editor, value: str) -> None:
    headers = {"Authorization": f"Bearer {value}"}
    answer = editor.http.post("/api/auth/extension/token", headers=headers)
    assert _error(answer) == (401, "invalid_token")


def test_exchange_of_nothing(editor: Editor) -> None:
    answer = editor.http.post("/api/auth/extension/token")
    assert _error(answer) == (401, "not_authenticated")


def test_a_token_in_the_query_string_is_not_seen(editor: Editor, browser: Browser) -> None:
    token = editor.redeem(editor.authorize(browser)).json()["access_token"]
    answer = editor.http.post("/api/auth/extension/token", params={"access_token": token})
    assert answer.status_code == 401
    info = editor.http.get("/identity/o/api/userinfo", params={"access_token": token})
    assert info.status_code == 401


def _refused(answer: httpx.Response) -> bool:
    """Tell whether this is an error of RFC 6749, and nothing else."""
    body = answer.json()
    assert "access_token" not in body
    assert isinstance(body["error"], str)
    return answer.status_code in (400, 401)


def _error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def _check_error_page(page: httpx.Response) -> None:
    assert page.status_code == 400
    assert not page.history
    assert "Location" not in page.headers
    assert not link_to_editor(page)
    assert "<h1>" in page.text
