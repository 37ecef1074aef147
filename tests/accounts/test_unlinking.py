import secrets
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from tests.accounts.racing import race
from tests.accounts.signing_in import code, fresh_email, just_signed_in, signed_in, verify_address
from tests.factories import UserFactory
from tests.fakes.oidc_provider import OidcProvider


def linked(user: User, provider: str = "oidc") -> SocialAccount:
    made: SocialAccount = SocialAccount.objects.create(
        user=user, provider=provider, uid=secrets.token_hex(8)
    )
    return made


def unlink(api: APIClient, account_id: int) -> Any:
    return api.delete(f"/api/users/oauth-accounts/{account_id}")


def unlink_one_of(api: APIClient, ids: Iterator[int]) -> int:
    return int(unlink(api, next(ids)).status_code)


@pytest.fixture
def passwordless(db: None) -> User:
    return User.objects.create_user(fresh_email())


def test_an_unlinked_account_is_gone(api: APIClient, user: User) -> None:
    account = linked(user)
    signed_in(api, user)
    assert unlink(api, account.pk).status_code == 204
    assert api.get("/api/users/oauth-accounts").json() == []
    assert unlink(api, account.pk).status_code == 404


def test_an_account_of_somebody_else(api: APIClient, user: User) -> None:
    account = linked(UserFactory.create(email=fresh_email()))
    signed_in(api, user)
    response = unlink(api, account.pk)
    assert (response.status_code, code(response)) == (404, "not_found")
    assert SocialAccount.objects.filter(pk=account.pk).exists()


@pytest.mark.parametrize("number", ["0", "99999999999999999999999", "x"])
def test_an_account_that_nobody_has(api: APIClient, user: User, number: str) -> None:
    signed_in(api, user)
    assert api.delete(f"/api/users/oauth-accounts/{number}").status_code == 404


def test_the_last_way_in_stays(api: APIClient, passwordless: User, provider: OidcProvider) -> None:
    first, second = linked(passwordless), linked(passwordless)
    signed_in(api, passwordless)
    assert unlink(api, first.pk).status_code == 204
    response = unlink(api, second.pk)
    assert (response.status_code, code(response)) == (409, "last_login_method")
    assert SocialAccount.objects.filter(pk=second.pk).exists()


def test_an_account_whose_provider_is_not_set_up_is_no_way_in(
    api: APIClient, passwordless: User, provider: OidcProvider
) -> None:
    account, _ = linked(passwordless), linked(passwordless, provider="github")
    signed_in(api, passwordless)
    assert code(unlink(api, account.pk)) == "last_login_method"


def test_a_password_is_no_way_in_before_verification(
    api: APIClient, user: User, provider: OidcProvider, settings: Settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    account = linked(user)
    signed_in(api, user)
    assert code(unlink(api, account.pk)) == "last_login_method"
    verify_address(user)
    assert unlink(api, account.pk).status_code == 204


@pytest.mark.django_db(transaction=True)
def test_of_two_last_ways_in_one_stays(provider: OidcProvider) -> None:
    for _ in range(5):
        user = User.objects.create_user(fresh_email())
        api = APIClient()
        signed_in(api, user)
        unlink_next = partial(unlink_one_of, api, iter([linked(user).pk for _ in range(8)]))

        statuses = race(unlink_next)

        assert Counter(statuses) == {204: 7, 409: 1}
        assert SocialAccount.objects.filter(user=user).count() == 1


@pytest.mark.django_db(transaction=True)
def test_on_the_page_also_one_stays(provider: OidcProvider) -> None:
    user = User.objects.create_user(fresh_email())
    accounts = iter([linked(user).pk for _ in range(8)])

    def attempt() -> None:
        browser = Client()
        browser.force_login(user)
        just_signed_in(browser, user)
        browser.post("/accounts/3rdparty/", {"account": next(accounts)})

    race(attempt)

    assert SocialAccount.objects.filter(user=user).count() == 1
