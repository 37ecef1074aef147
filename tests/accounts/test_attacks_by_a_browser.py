"""What another site, or whoever sits beside, may try on a signed-in browser."""

from collections.abc import Iterable, Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string
from rest_framework.views import APIView

from accounts.models import User
from accounts.sessions import session_pairs
from accounts.sessions.browser_store import SessionStore
from tests.accounts.signing_in import verify_address
from tests.factories import PASSWORD, UserFactory

# Endpoints for programs, which no cookie opens: none reads the session of the browser.
WITHOUT_COOKIE = {
    "identity/o/api/token",
    "identity/o/api/revoke",
    "identity/o/api/device/code",
    "identity/o/api/userinfo",
    "api/stripe/webhook/",
}
# Google's One Tap, which posts from a page of Google's script: it has a token of its own.
OWN_TOKEN = {"accounts/google/login/token/"}
# It leads to the account pages' sign-in, whoever asks, and does nothing else.
LEADS_AWAY = {"admin/login/"}


def patterns(
    nodes: Iterable[URLPattern | URLResolver], before: str = ""
) -> Iterator[tuple[str, URLPattern]]:
    for node in nodes:
        path = before + str(node.pattern)
        if isinstance(node, URLResolver):
            yield from patterns(node.url_patterns, path)
        else:
            yield path, node


def exempt() -> dict[str, URLPattern]:
    return {
        path: node
        for path, node in patterns(get_resolver().url_patterns)
        if getattr(node.callback, "csrf_exempt", False)
    }


def test_every_route_that_needs_no_csrf_token_reads_no_cookie() -> None:
    """Django holds every other route to the token: the middleware is on."""
    assert "django.middleware.csrf.CsrfViewMiddleware" in settings.MIDDLEWARE
    cookie_readers = []
    for path, node in exempt().items():
        view = getattr(node.callback, "view_class", None) or getattr(node.callback, "cls", None)
        by_header = isinstance(view, type) and issubclass(view, APIView)
        if (
            by_header
            or path.startswith(("api/", "v1/"))
            or path == "v1"
            or path in WITHOUT_COOKIE | OWN_TOKEN
            or path == "^api$"
        ):
            continue
        cookie_readers.append(path)

    assert cookie_readers == []


@pytest.mark.django_db
@pytest.mark.parametrize("path", sorted(OWN_TOKEN))
def test_a_route_with_a_token_of_its_own_signs_nobody_in_without_it(path: str) -> None:
    browser = Client()

    browser.post(f"/{path}", {"credential": "x"})

    assert "_auth_user_id" not in browser.session


def test_the_api_takes_no_cookie_of_the_pages(client: Client, user: User) -> None:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    for name in settings.REST_FRAMEWORK["DEFAULT_AUTHENTICATION_CLASSES"]:
        assert "Session" not in import_string(name).__mro__[1].__name__

    for path in ("users/profile", "api-keys", "admin/users", "tokens/balance", "llm/models"):
        assert client.get(f"/api/{path}").status_code == 401


@pytest.mark.django_db
def test_every_page_that_takes_a_form_refuses_one_without_the_token() -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    checked = 0
    for path, node in patterns(get_resolver().url_patterns):
        is_page = path.startswith(("accounts/", "billing/", "admin/", "identity/o/"))
        if not is_page or "<" in path or "(" in path or path in exempt() or path in LEADS_AWAY:
            continue
        answer = browser.post(f"/{path}", {"x": "y"})
        assert answer.status_code in (403, 404, 405), (path, answer.status_code, node)
        checked += answer.status_code == 403
    assert checked > 40


def test_signing_in_gives_the_browser_another_session(client: Client, user: User) -> None:
    """Else whoever planted the cookie would be signed in with it."""
    planted = SessionStore()
    planted["anything"] = 1
    planted.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(planted.session_key)

    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})

    assert client.get("/accounts/").status_code == 200
    assert client.cookies[settings.SESSION_COOKIE_NAME].value != planted.session_key
    thief = Client()
    thief.cookies[settings.SESSION_COOKIE_NAME] = str(planted.session_key)
    assert thief.get("/accounts/").status_code == 302


def test_a_session_id_of_the_browsers_own_choice_is_not_taken(client: Client, user: User) -> None:
    client.cookies[settings.SESSION_COOKIE_NAME] = "chosen-by-an-attacker-0123456789"

    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})

    assert client.cookies[settings.SESSION_COOKIE_NAME].value != "chosen-by-an-attacker-0123456789"


MARKUP = "<script>alert(1)</script>\"'><img src=x>"


def test_markup_in_names_is_text_on_every_page(client: Client, user: User) -> None:
    verify_address(user)
    User.objects.filter(pk=user.pk).update(name=MARKUP)
    session_pairs.issue(user, name=MARKUP)
    client.force_login(user)
    root = Client()
    root.force_login(UserFactory.create(is_staff=True, is_superuser=True))

    pages = [client.get(path).text for path in ("/accounts/", "/accounts/devices/")]
    pages += [
        root.get(path).text
        for path in (
            "/admin/accounts/user/",
            f"/admin/accounts/user/{user.pk}/change/",
            "/admin/accounts/session/",
        )
    ]

    assert any("&lt;script&gt;" in page for page in pages)
    for page in pages:
        assert "<script>alert(1)" not in page
        assert "<img src=x>" not in page
