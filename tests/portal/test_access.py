"""Who may come in: pages answer the browser's own session, and nobody else's."""

import pytest
from django.test import Client

from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import keys
from tests.portal.test_usage_page import body, use

PAGES = (
    "/portal/",
    "/portal/usage/",
    "/portal/usage/export.csv",
    "/portal/keys/",
    "/portal/keys/new/",
    "/portal/plan/",
    "/portal/tokens/",
    "/portal/devices/",
    "/portal/security/",
    "/portal/profile/",
    "/portal/profile/export.json",
    "/portal/profile/delete/",
)
ACTIONS = (
    "/portal/keys/new/",
    "/portal/plan/change/",
    "/portal/plan/resume/",
    "/portal/plan/card/",
    "/portal/tokens/buy/",
    "/portal/devices/",
    "/portal/profile/",
    "/portal/profile/delete/",
)


@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_asked_to_sign_in(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/accounts/login/?next={path}"


@pytest.mark.parametrize("path", PAGES)
def test_keys_and_editors_open_no_page(client: Client, user: User, path: str) -> None:
    _, key = keys.create(user=user, name="laptop")
    for secret in (key, session_pairs.issue(user).access):
        answer = client.get(path, headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 302


@pytest.mark.parametrize("path", ["/portal/", "/portal/profile/export.json"])
def test_the_suspended_are_signed_out(visitor: Client, user: User, path: str) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert visitor.get(path).status_code == 302


@pytest.mark.parametrize("path", ACTIONS)
def test_actions_need_the_forms_token(user: User, path: str) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.post(path, {"email": user.email}).status_code == 403


@pytest.mark.parametrize("path", ["plan/resume/", "plan/card/", "tokens/buy/"])
def test_a_link_does_nothing(visitor: Client, path: str) -> None:
    assert visitor.get(f"/portal/{path}").status_code == 405


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", PAGES)
def test_nothing_personal_is_kept_by_a_cache(visitor: Client, user: User, path: str) -> None:
    use(user, 5)
    answer = visitor.get(path)
    assert answer.status_code == 200
    if answer.streaming:
        assert body(answer)
    assert answer.headers["Cache-Control"] == "no-store"


def test_names_are_text(visitor: Client, user: User) -> None:
    bad = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    User.objects.filter(pk=user.pk).update(name=bad)
    key, _ = keys.create(user=user, name=bad)
    record = use(user, 5, session=bad, model=bad, api_key=key.pk)
    paths = [*PAGES, f"/portal/keys/{key.pk}/", f"/portal/usage/{record.pk}/"]
    paths += [f"/portal/usage/?by={by}" for by in ("model", "key", "session")]
    for path in paths:
        answer = visitor.get(path)
        if not answer.streaming:
            assert "<img src=x" not in answer.text, path
            assert "<script>" not in answer.text, path
            assert "script-src 'self';" in answer.headers["Content-Security-Policy"]


def test_wrong_filters_download_nothing_else(visitor: Client, user: User) -> None:
    answer = visitor.get("/portal/usage/export.csv?from=never")
    assert answer.status_code == 302
    page = visitor.get(answer.headers["Location"])
    assert 'role="alert"' in page.text


def test_the_language_is_kept_like_the_other_choices(visitor: Client) -> None:
    answer = visitor.post("/portal/profile/", {"name": "Ada", "language": "de", "time_zone": ""})
    cookie = answer.cookies["language"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 31_536_000)
