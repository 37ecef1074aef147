"""The pages: what browsers are told about them, where they may lead, and what errors look like."""

import re
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import Settings
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import User
from accounts.web import error_pages
from tests.accounts.editor import Browser, Connect, Editor, returned
from tests.accounts.provider import way_out
from tests.factories import PASSWORD, UserFactory

PUBLIC = ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere"]
PRIVATE = [
    "/accounts/",
    "/accounts/logout/",
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/3rdparty/",
    "/identity/o/device",
]
AWAY = [
    "https://evil.example/",
    "http://testserver.evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "vscode://evil.evil/",
    "https://testserver@evil.example/",
    "\thttps://evil.example",
]


@pytest.mark.parametrize("path", [*PUBLIC, *PRIVATE])
def test_policy(browser: Browser, path: str) -> None:
    if path in PUBLIC:
        browser.http.cookies.clear()
    page = browser.get(path)
    assert page.url.path == path
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert policy.endswith("form-action 'self'")
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [*PUBLIC, *PRIVATE])
def test_nothing_from_elsewhere_and_nothing_inline(browser: Browser, path: str) -> None:
    if path in PUBLIC:
        browser.http.cookies.clear()
    text = browser.get(path).text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|(src|href)=[\"'](https?:)?//", text)
    data = r"<script [^>]*type=\"application/json\">"  # never executed
    scripts = re.sub(data, "", text)
    assert not re.search(r"<script(?! src=\"/static/[^\"]+\" defer></script>)", scripts)
    assert text.count("<h1>") == 1
    assert '<html lang="en"' in text
    for field in re.findall(r"<input(?![^>]*type=\"hidden\")[^>]*>", text):
        name = re.search(r'id="([^"]+)"', field)
        assert name
        assert f'for="{name[1]}"' in text


@pytest.mark.parametrize(
    ("host", "policy"),
    [("localhost:8000", "no-referrer"), ("127.0.0.2", "no-referrer"), ("box.lan", "same-origin")],
)
def test_referrers(client: Client, db: None, host: str, policy: str) -> None:
    page = client.get("/accounts/login/", headers={"Host": host})
    assert page.headers["Referrer-Policy"] == policy
    secure = client.get("/accounts/login/", headers={"Host": host}, secure=True)
    assert secure.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("cross-site", 403), ("same-site", 403), ("", 403), ("old, https", 200)],
)
def test_an_origin_that_is_hidden(db: None, site: str, status: int) -> None:
    client = Client(enforce_csrf_checks=True)
    token = client.get("/accounts/login/").cookies["csrftoken"].value
    headers = {"Origin": "null", "Sec-Fetch-Site": site}
    if site in ("", "old, https"):
        del headers["Sec-Fetch-Site"]
    body = {"login": "x@example.com", "password": "x", "csrfmiddlewaretoken": token}
    page = client.post("/accounts/login/", body, headers=headers, secure=site == "old, https")
    assert page.status_code == status


def test_other_pages_have_a_policy_of_their_own(client: Client, db: None) -> None:
    client.force_login(UserFactory.create(is_staff=True))
    for path in ("/admin/", "/api/docs/"):
        page = client.get(path)
        assert page.status_code == 200
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]


def test_the_providers_that_are_set_up(client: Client, db: None, settings: Settings) -> None:
    app = {"client_id": "x", "secret": "x"}
    oidc = {**app, "provider_id": "oidc", "name": "Acme", "settings": {"server_url": _ISSUER}}
    settings.SOCIALACCOUNT_PROVIDERS = {
        "github": {"APPS": [app]},
        "openid_connect": {"APPS": [oidc]},
    }
    page = client.get("/accounts/login/")
    text = page.content.decode()
    assert "Continue with GitHub" in text
    assert "Continue with Acme" in text
    assert "Google" not in text


@pytest.mark.parametrize("away", AWAY)
def test_next_cannot_leave_the_site(client: Client, user: User, away: str) -> None:
    client.force_login(user)
    for path in ("/accounts/login/", "/accounts/signup/"):
        assert client.get(path, {"next": away}).headers["Location"] == "/portal/"
    assert _location(client, "/accounts/logout/", {"next": away}) == "/accounts/logged-out/"


@pytest.mark.parametrize("away", AWAY[:2])
def test_next_of_a_form_cannot_leave_the_site(client: Client, user: User, away: str) -> None:
    signed_up = {"email": f"new.{user.email}", "password1": PASSWORD, "next": away}
    assert _location(client, "/accounts/signup/", signed_up) == "/portal/"
    client.logout()
    signed_in = {"login": user.email, "password": PASSWORD, "next": away}
    assert _location(client, "/accounts/login/", signed_in) == "/portal/"


def test_next_may_lead_on(client: Client, user: User) -> None:
    onward = "/identity/o/device?code=BCDF-GHJK"
    signed_in = {"login": user.email, "password": PASSWORD, "next": onward}
    assert _location(client, "/accounts/login/", signed_in) == onward


def test_logins_are_limited_together_with_the_api(
    client: Client, user: User, settings: Settings
) -> None:
    settings.LOGIN_RATE_PER_ACCOUNT = "2/d"
    wrong = {"login": user.email, "password": "wrong"}
    api = {"email": user.email, "password": "wrong"}
    assert client.post("/accounts/login/", wrong).status_code == 200
    assert client.post("/api/auth/login", api, "application/json").status_code == 401
    limited = client.post("/accounts/login/", wrong)
    assert limited.status_code == 429
    assert int(limited.headers["Retry-After"]) > 0
    assert "Too many attempts" in limited.content.decode()


def test_the_editors_logout_asks_and_leads_nowhere_else(editor: Editor, browser: Browser) -> None:
    params = {"client_id": "vscode", "post_logout_redirect_uri": "vscode://evil.evil/"}
    page = browser.get("/identity/o/logout", **params)
    assert page.url.path == "/accounts/logout/"
    assert "evil" not in str(page.url)


def test_not_you(editor: Editor, browser: Browser) -> None:
    page = browser.get("/identity/o/authorize", **editor.question)
    onward = str(page.url).removeprefix("http://testserver")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token
    body = {"csrfmiddlewaretoken": token[1], "next": onward}
    page = browser.http.post(reverse("account_logout"), data=body)
    assert page.url.path == "/accounts/login/"
    assert page.url.params["next"] == onward


@pytest.mark.parametrize(
    ("view", "status"),
    [("bad_request", 400), ("forbidden", 403), ("not_found", 404), ("server_error", 500)],
)
def test_errors_have_a_page_here_and_json_under_api(view: str, status: int) -> None:
    handler: Any = getattr(error_pages, view)
    page = handler(RequestFactory().get("/accounts/x"))
    assert (page.status_code, b"<h1>" in page.content) == (status, True)
    answer = handler(RequestFactory().get("/api/x"))
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"


def test_while_redis_is_away() -> None:
    try:
        raise RedisConnectionError
    except RedisConnectionError:
        page = error_pages.server_error(RequestFactory().get("/accounts/x"))
    assert (page.status_code, b"Temporarily unavailable" in page.content) == (503, True)


def test_assets_are_served(connect: Connect) -> None:
    page = Browser(connect()).get("/accounts/login/")
    assets = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert len(assets) >= 2
    for asset in assets:
        assert Browser(connect()).get(asset).status_code == 200


_ISSUER = "https://id.example.com/realms/acme"


def _location(client: Client, path: str, body: dict[str, str]) -> str:
    response = client.post(path, body)
    assert response.status_code == 302, response.content.decode()
    return response.headers["Location"]


def test_a_form_leads_to_a_provider_by_a_page(client: Client, db: None, settings: Settings) -> None:
    """Browsers hold redirects after a form against `form-action`, wherever the provider's are."""
    settings.SOCIALACCOUNT_PROVIDERS = {"github": {"APPS": [{"client_id": "x", "secret": "x"}]}}
    page = client.post("/accounts/github/login/")
    assert way_out(page).startswith("https://github.com/login/oauth/authorize?")
    assert page.headers["Content-Security-Policy"].endswith("form-action 'self'")
    assert page.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.mark.parametrize("path", ["/accounts/github/login/", "/accounts/google/login/callback/"])
def test_a_provider_that_is_not_set_up(client: Client, db: None, path: str) -> None:
    assert client.get(path, {"code": "1", "state": "2"}).status_code == 404


@pytest.mark.parametrize("host", ["[", "[::1"])
def test_a_host_that_is_none(client: Client, db: None, host: str) -> None:
    assert client.get("/accounts/login/", headers={"Host": host}).status_code == 400


def test_an_editor_is_told_what_is_wrong(editor: Editor, browser: Browser) -> None:
    page = browser.get("/identity/o/authorize", **editor.question, claims="{")
    assert returned(page)["error"] == "invalid_request"
    assert "Sign-in failed" in page.text


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_an_unknown_path_of_the_api(method: str, db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = getattr(client, method)("/api/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
