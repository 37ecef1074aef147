"""A session of an editor or a device spends tokens; it does not change the account."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import resolve
from rest_framework.test import APIClient

from accounts import tasks
from accounts.errors import ReauthenticationRequired
from accounts.models import Session, User
from accounts.sessions import origins, session_pairs
from apikeys import keys
from config import access
from config.celery import app
from tests.accounts.editor import Browser, Editor, allow
from tests.accounts.mailbox import messages_to
from tests.accounts.signing_in import log_in, post, verify_address
from tests.factories import PASSWORD, UserFactory

OnCommit = Callable[..., AbstractContextManager[Any]]
Origin = Session.Origin
APPS = [Origin.OAUTH, Origin.DEVICE, Origin.UNKNOWN]
# What apps may change. A route that is to join them is named here as well, after some thought.
OPEN_TO_APPS = {
    "POST /api/auth/logout",
    "POST /api/tokens/reserve",
    "POST /api/tokens/consume",
    "POST /api/llm/chat/completions",
    "POST /api/llm/completions",
    "POST /api/llm/embeddings",
    "POST /api/llm/messages",
    "POST /api/llm/messages/count_tokens",
    "POST /api/llm/responses",
    "POST /api/subscriptions/subscribe",
    "PUT /api/subscriptions/upgrade",
    "POST /api/subscriptions/cancel",
    "POST /api/subscriptions/resume",
    "POST /api/subscriptions/portal",
}


def by(user: User, origin: str) -> APIClient:
    """Return a client with a session that began a moment ago in this way."""
    client = APIClient()
    access_token = session_pairs.issue(user, origin=origin).access
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access_token}")
    return client


def takes_sessions(route: access.Route) -> bool:
    """Leave out what needs no session: it does not matter there how one began."""
    return access.allowed(route)["anonymous"] == "401" and (
        route.path not in access.OTHER_CREDENTIALS
    )


def test_every_origin_has_a_rule() -> None:
    assert set(origins.CHANGES_THE_ACCOUNT) == set(Origin)


@pytest.mark.parametrize("origin", APPS)
def test_every_route_that_changes_something_is_closed_to_apps(origin: str, db: None) -> None:
    """Also for a superuser, and with their password in the body."""
    root = UserFactory.create(is_staff=True, is_superuser=True)
    client = by(root, origin)
    changing = [
        route
        for route in access.routes()
        if takes_sessions(route)
        and route.method not in ("GET", "HEAD")
        and str(route) not in OPEN_TO_APPS
    ]
    assert len(changing) >= 13

    for route in changing:
        body = {"password": PASSWORD, "current_password": PASSWORD}
        answer = client.generic(route.method, route.sample, "{}", "application/json")
        with_password = getattr(client, route.method.lower())(route.sample, body, format="json")
        for each in (answer, with_password):
            error = each.json()["error"]
            assert (each.status_code, error["code"]) == (403, "permission_denied"), str(route)
            assert "Open your account page in a browser" in error["message"]
            assert error["account_url"].endswith("/accounts/")


@pytest.mark.parametrize("origin", APPS)
def test_staffs_endpoints_are_closed_to_apps_for_reading_too(origin: str, db: None) -> None:
    root = UserFactory.create(is_staff=True, is_superuser=True)
    client = by(root, origin)

    for route in access.routes():
        if route.path.startswith("/api/admin/"):
            assert client.generic(route.method, route.sample).status_code == 403, str(route)


def test_what_is_open_to_apps_is_a_route(db: None) -> None:
    assert {str(route) for route in access.routes()} >= OPEN_TO_APPS


def test_no_view_opens_itself_to_apps_unseen() -> None:
    opened = {
        str(route)
        for route in access.routes()
        if route.method
        in getattr(getattr(resolve(route.sample).func, "view_class", None), "apps_may", ())
    }

    assert opened <= OPEN_TO_APPS


@pytest.mark.parametrize("origin", Origin.values)
def test_only_a_password_counts_as_a_recent_sign_in(user: User, origin: str) -> None:
    session_id = session_pairs.verify(session_pairs.issue(user, origin=origin).access).session_id

    if origin in origins.TRUSTED:
        session_pairs.require_recent(session_id)
    else:
        with pytest.raises(ReauthenticationRequired):
            session_pairs.require_recent(session_id)


def test_the_attack_by_a_device_code_gets_no_way_in(
    editor: Editor, browser: Browser, member: User
) -> None:
    """One Allow on an attacker's code, by a user who has no password yet."""
    begun = editor.begin_on_device()
    allow(browser, begun)
    tokens = editor.poll(begun["device_code"]).json()
    attacker = APIClient()
    session = editor.exchange(tokens["access_token"]).json()
    attacker.credentials(HTTP_AUTHORIZATION=f"Bearer {session['access']}")
    User.objects.filter(pk=member.pk).update(password="!none")

    answers = [
        post(attacker, "users/oauth-accounts", provider="oidc"),
        post(attacker, "api-keys", name="mine now"),
        post(attacker, "auth/password/change", new_password="an entirely new staple"),
        attacker.delete("/api/users/account", {}, format="json"),
    ]

    assert [answer.status_code for answer in answers] == [403] * 4
    member.refresh_from_db()
    assert not member.has_usable_password()
    assert not keys.active(member).exists()
    assert attacker.get("/api/auth/me").status_code == 200


@pytest.mark.parametrize("way", [Origin.OAUTH, Origin.DEVICE])
@pytest.mark.parametrize("refreshed", [False, True])
def test_a_session_knows_by_which_grant_it_began(
    editor: Editor, browser: Browser, member: User, way: str, refreshed: bool
) -> None:
    if way == Origin.OAUTH:
        tokens = editor.redeem(editor.authorize(browser)).json()
    else:
        begun = editor.begin_on_device()
        allow(browser, begun)
        tokens = editor.poll(begun["device_code"]).json()
    if refreshed:
        renewal = {"client_id": "vscode", "refresh_token": tokens["refresh_token"]}
        tokens = editor.token(grant_type="refresh_token", **renewal).json()

    pair = editor.exchange(tokens["access_token"]).json()
    following = post(APIClient(), "auth/refresh", refresh=pair["refresh"]).json()

    for token in (pair["access"], following["access"]):
        assert session_pairs.verify(token).origin == way
    [listed] = (
        APIClient()
        .get("/api/users/sessions", headers={"Authorization": f"Bearer {following['access']}"})
        .json()
    )
    assert listed["origin"] == way


def test_registering_and_logging_in_are_of_the_password_api(api: APIClient, user: User) -> None:
    for body in (
        log_in(api, user).json(),
        post(api, "auth/register", email=f"new-{user.email}", password=PASSWORD).json(),
    ):
        assert session_pairs.verify(body["access"]).origin == Origin.PASSWORD


@pytest.fixture
def _celery_at_once() -> Iterator[None]:
    assert tasks.send_notice  # registered: Celery runs no others at once
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.mark.usefixtures("_celery_at_once")
def test_the_user_is_told_of_a_new_app_once(
    editor: Editor, browser: Browser, member: User, django_capture_on_commit_callbacks: OnCommit
) -> None:
    tokens = editor.redeem(editor.authorize(browser)).json()
    mail.outbox.clear()

    with django_capture_on_commit_callbacks(execute=True):
        assert editor.exchange(tokens["access_token"]).status_code == 200
        assert editor.exchange(tokens["access_token"]).status_code == 401

    [told] = messages_to(member.email)
    assert told.subject == "A new sign-in to your account"
    for part in ("Visual Studio Code", "IP address: ", "UTC", "/accounts/devices/"):
        assert part in told.body


def test_both_consent_pages_say_what_the_app_can_and_cannot_do(
    editor: Editor, browser: Browser
) -> None:
    pages = [
        browser.get("/identity/o/authorize", **editor.question),
        browser.get("/identity/o/device", code=editor.begin_on_device()["user_code"]),
    ]

    for page in pages:
        can, _, cannot = page.text.partition("It will not be able to:")
        assert "It will be able to:" in can
        assert "Use the tokens of your plan" in can
        for refused in ("Change your password", "API keys", "Delete your account"):
            assert refused in cannot


def test_the_page_of_devices_signs_one_out(client: Client, user: User) -> None:
    verify_address(user)
    first, second = (session_pairs.issue(user, name=name, origin=Origin.OAUTH) for name in "AB")
    stranger = session_pairs.verify(session_pairs.issue(UserFactory.create()).access).session_id
    client.force_login(user)
    page = client.get("/accounts/devices/").text
    assert 'Sign out<span class="hidden-text"> A</span>' in page
    assert 'Sign out<span class="hidden-text"> B</span>' in page

    chosen = session_pairs.verify(first.access).session_id
    for device in (chosen, chosen, stranger):
        assert client.post("/accounts/devices/", {"device": str(device)}).status_code == 302
    assert client.post("/accounts/devices/", {"device": "x"}).status_code == 400

    assert [row.name for row in session_pairs.active(user)] == ["B"]
    assert Session.objects.get(pk=stranger).revoked_at is None
    assert session_pairs.verify(second.access)
