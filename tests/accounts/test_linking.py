"""Linking an account of another site: started by the API, completed in a browser."""

import secrets
from collections import Counter
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django_redis import get_redis_connection  # type: ignore[import-untyped]
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.flows import link_tickets
from accounts.flows.link_tickets import Ticket
from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import keys
from tests.accounts.provider import come_back, sign_in
from tests.accounts.racing import race
from tests.accounts.signing_in import code, fresh_email, post, signed_in
from tests.factories import UserFactory
from tests.fakes.oidc_provider import OidcProvider
from tests.ports import free_port

PATH = "users/oauth-accounts"


def listed(api: APIClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/api/{PATH}").json()
    return found


def start(api: APIClient) -> str:
    """Start linking; return the path that the user's browser is to open."""
    response = post(api, PATH, provider="oidc")
    assert response.status_code == 200, response.content
    assert response.headers["Cache-Control"] == "no-store"
    url = urlsplit(response.json()["authorize_url"])
    return f"{url.path}?{url.query}"


def consent(browser: Client, path: str) -> Any:
    """Read the page, and press its button."""
    ticket = browser.get(path).context["ticket"]
    return browser.post(path.partition("?")[0], {"ticket": ticket})


def link(api: APIClient, provider: OidcProvider, *, sub: str, browser: Client | None = None) -> Any:
    browser = browser or Client()
    return come_back(browser, provider, consent(browser, start(api)), sub=sub)


@pytest.fixture
def sub(provider: OidcProvider) -> str:
    made = secrets.token_hex(8)
    provider.put_user(made, email="ada@acme.example", email_verified=True, name="Ada")
    return made


def test_a_linked_account_is_listed_and_signs_in(
    api: APIClient, user: User, provider: OidcProvider, sub: str
) -> None:
    signed_in(api, user)
    assert listed(api) == []
    browser = Client()

    page = browser.get(start(api))
    assert user.email in page.content.decode()
    done = link(api, provider, sub=sub, browser=browser)

    assert done.status_code == 200
    [account] = listed(api)
    told = {"provider": "oidc", "uid": sub, "name": "Ada", "email": "ada@acme.example"}
    assert {key: account[key] for key in told} == told
    assert set(account) == {*told, "id", "connected_at"}
    elsewhere = Client()
    sign_in(elsewhere, provider, sub=sub)
    assert elsewhere.get("/accounts/").context["user"] == user


def test_the_browser_is_not_signed_in_by_it(
    api: APIClient, user: User, provider: OidcProvider, sub: str
) -> None:
    signed_in(api, user)
    browser = Client()
    link(api, provider, sub=sub, browser=browser)
    assert browser.get("/accounts/").status_code == 302


def test_a_browser_of_somebody_else_links_for_the_ticket_alone(
    api: APIClient, user: User, provider: OidcProvider, sub: str
) -> None:
    other = UserFactory.create(email=fresh_email())
    browser = Client()
    browser.force_login(other)
    signed_in(api, user)

    link(api, provider, sub=sub, browser=browser)

    assert SocialAccount.objects.get(uid=sub).user == user
    assert browser.get("/accounts/").context["user"] == other


def test_twice_is_as_once(api: APIClient, user: User, provider: OidcProvider, sub: str) -> None:
    signed_in(api, user)
    assert [link(api, provider, sub=sub).status_code for _ in range(2)] == [200, 200]
    assert len(listed(api)) == 1


def test_an_account_of_somebody_else(
    api: APIClient, user: User, provider: OidcProvider, sub: str
) -> None:
    other = UserFactory.create(email=fresh_email())
    SocialAccount.objects.create(user=other, provider="oidc", uid=sub)
    signed_in(api, user)

    response = link(api, provider, sub=sub)

    assert response.status_code == 409
    assert SocialAccount.objects.get(uid=sub).user == other


def test_a_ticket_works_once(api: APIClient, user: User, provider: OidcProvider) -> None:
    signed_in(api, user)
    path = start(api)
    browser = Client()
    ticket = browser.get(path).context["ticket"]
    statuses = [browser.post("/accounts/link/", {"ticket": ticket}).status_code for _ in range(2)]
    assert statuses == [200, 410]
    assert browser.get(path).status_code == 410


def test_of_eight_at_once_one_redeems_it(transactional_db: None) -> None:
    for _ in range(10):
        ticket = link_tickets.issue(Ticket(1, str(uuid4()), "oidc"))
        redeemed = race(partial(link_tickets.redeem, ticket))
        assert Counter(each is not None for each in redeemed) == {True: 1, False: 7}


@pytest.mark.parametrize("query", ["", "?ticket=", "?ticket=x", "?ticket=%00"])
def test_a_ticket_that_is_none(db: None, query: str) -> None:
    assert Client().get(f"/accounts/link/{query}").status_code in (400, 410)


def test_the_form_needs_its_csrf_token(api: APIClient, user: User, provider: OidcProvider) -> None:
    signed_in(api, user)
    browser = Client(enforce_csrf_checks=True)
    ticket = browser.get(start(api)).context["ticket"]
    assert browser.post("/accounts/link/", {"ticket": ticket}).status_code == 403


def test_the_ticket_itself_is_not_kept(api: APIClient, user: User, provider: OidcProvider) -> None:
    signed_in(api, user)
    ticket = start(api).partition("ticket=")[2]
    kept = list(get_redis_connection("default").scan_iter("*link:*"))
    assert kept
    assert not any(ticket in key.decode() for key in kept)


@pytest.mark.parametrize("when", ["before the page", "at the provider"])
@pytest.mark.parametrize("end", ["the session", "the user"])
def test_it_ends_with_the_session_and_the_user(
    api: APIClient, user: User, provider: OidcProvider, sub: str, when: str, end: str
) -> None:
    pair = signed_in(api, user)
    path = start(api)
    browser = Client()
    to_provider = consent(browser, path) if when == "at the provider" else None

    if end == "the session":
        session_pairs.revoke(session_pairs.verify(pair.access).session_id)
    else:
        User.objects.update(is_active=False)

    if to_provider is None and end == "the user":
        assert browser.get(path).status_code == 410
        return
    to_provider = to_provider or consent(browser, path)
    assert come_back(browser, provider, to_provider, sub=sub).status_code == 410
    assert not SocialAccount.objects.filter(uid=sub).exists()


@pytest.mark.parametrize("name", ["github", "google", "nobody", "openid_connect2", ""])
def test_a_provider_that_is_not_set_up(api: APIClient, user: User, name: str) -> None:
    signed_in(api, user)
    response = post(api, PATH, provider=name)
    assert (response.status_code, code(response)) == (400, "invalid_request")
    assert response.json()["error"]["param"] == "provider"


def test_a_provider_that_is_away(
    api: APIClient, user: User, provider: OidcProvider, settings: Settings
) -> None:
    signed_in(api, user)
    path = start(api)
    [app] = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    app["settings"]["server_url"] = f"http://127.0.0.1:{free_port()}"
    assert consent(Client(), path).status_code == 503


def test_a_stranger_and_a_key_cannot(api: APIClient, user: User) -> None:
    assert code(post(api, PATH, provider="oidc")) == "not_authenticated"
    _, key = keys.create(user=user, name="editor")
    api.credentials(HTTP_X_API_KEY=key)
    assert code(post(api, PATH, provider="oidc")) == "key_scope"
    assert code(api.get(f"/api/{PATH}")) == "key_scope"


# Completing it by a token of the provider's, without a browser


def test_by_token(api: APIClient, user: User, provider: OidcProvider, sub: str) -> None:
    signed_in(api, user)
    response = post(api, PATH, provider="oidc", id_token=provider.id_token(sub=sub))
    assert (response.status_code, response.json()["uid"]) == (201, sub)
    assert response.json()["email"] == "ada@acme.example"
    assert [account["uid"] for account in listed(api)] == [sub]


def test_by_token_of_somebody_elses_account(
    api: APIClient, user: User, provider: OidcProvider, sub: str
) -> None:
    other = UserFactory.create(email=fresh_email())
    SocialAccount.objects.create(user=other, provider="oidc", uid=sub)
    signed_in(api, user)
    response = post(api, PATH, provider="oidc", id_token=provider.id_token(sub=sub))
    assert (response.status_code, code(response)) == (409, "account_in_use")


def test_by_token_an_unverified_address_gives_nothing_away(
    api: APIClient, user: User, provider: OidcProvider, sub: str
) -> None:
    """It is the provider's account that is linked: the address it names is not taken over."""
    other = UserFactory.create(email=fresh_email())
    provider.put_user(sub, email=other.email, email_verified=False)
    signed_in(api, user)
    post(api, PATH, provider="oidc", id_token=provider.id_token(sub=sub))
    assert SocialAccount.objects.get(uid=sub).user == user
    assert not EmailAddress.objects.filter(email=other.email).exists()


def test_by_token_issued_to_another_site(
    api: APIClient, user: User, provider: OidcProvider, sub: str
) -> None:
    signed_in(api, user)
    token = provider.id_token(sub=sub, audience="another-site")
    response = post(api, PATH, provider="oidc", id_token=token)
    assert (response.status_code, code(response)) == (400, "invalid_provider_token")


@pytest.mark.parametrize(
    "token",
    [
        {"id_token": "x"},
        {"id_token": "a.b.c"},
        {"id_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."},
        {"id_token": "eyJhbGciOiJSUzI1NiJ9.e30.AAAA"},
        {"access_token": "x"},
    ],
)
def test_by_token_that_is_none(
    api: APIClient, user: User, provider: OidcProvider, token: dict[str, str]
) -> None:
    signed_in(api, user)
    response = post(api, PATH, provider="oidc", **token)
    assert (response.status_code, code(response)) == (400, "invalid_provider_token")


def test_by_token_in_a_race_for_one_account(
    provider: OidcProvider, sub: str, transactional_db: None
) -> None:
    tokens = iter([provider.id_token(sub=sub) for _ in range(4)])
    users = iter([UserFactory.create(email=fresh_email()) for _ in range(4)])

    def attempt() -> int:
        client = APIClient()
        signed_in(client, next(users))
        return int(post(client, PATH, provider="oidc", id_token=next(tokens)).status_code)

    assert Counter(race(attempt, runners=4)) == {201: 1, 409: 3}
