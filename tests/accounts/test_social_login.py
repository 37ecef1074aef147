"""Signing in by another site on the pages: whom it lets in, and whom it must not."""

import secrets

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from accounts.models import User
from tests.accounts.provider import sign_in, way_out
from tests.accounts.signing_in import fresh_email, verify_address
from tests.factories import UserFactory
from tests.fakes.oidc_provider import OidcProvider


def is_signed_in(browser: Client) -> bool:
    return browser.get("/accounts/").status_code == 200


def test_a_verified_address_creates_a_user_once(
    provider: OidcProvider, client: Client, db: None
) -> None:
    sub, email = secrets.token_hex(8), fresh_email()
    provider.put_user(sub, email=email, email_verified=True, name="Ada Lovelace")

    assert sign_in(client, provider, sub=sub).status_code == 302

    assert is_signed_in(client)
    user = User.objects.get(email=email)
    assert (user.name, user.has_usable_password()) == ("Ada Lovelace", False)
    assert EmailAddress.objects.get(user=user).verified
    again = Client()
    sign_in(again, provider, sub=sub)
    assert is_signed_in(again)
    assert SocialAccount.objects.filter(user=user).count() == 1


@pytest.mark.parametrize("said_verified", [False, True])
@pytest.mark.parametrize("known_verified", [False, True])
def test_a_matching_address_opens_nobodys_account(
    provider: OidcProvider, client: Client, user: User, said_verified: bool, known_verified: bool
) -> None:
    if known_verified:
        verify_address(user)
    sub = secrets.token_hex(8)
    provider.put_user(sub, email=user.email, email_verified=said_verified)

    sign_in(client, provider, sub=sub)

    assert not is_signed_in(client)
    assert not SocialAccount.objects.filter(uid=sub).exists()
    user.refresh_from_db()
    assert user.has_usable_password()


def test_an_unverified_address_stays_so(provider: OidcProvider, client: Client, db: None) -> None:
    sub, email = secrets.token_hex(8), fresh_email()
    provider.put_user(sub, email=email, email_verified=False)
    sign_in(client, provider, sub=sub)
    assert not EmailAddress.objects.get(email=email).verified


def test_a_suspended_user_is_not_let_in(provider: OidcProvider, client: Client, db: None) -> None:
    sub = secrets.token_hex(8)
    user = UserFactory.create(email=fresh_email(), is_active=False)
    SocialAccount.objects.create(user=user, provider="oidc", uid=sub)
    provider.put_user(sub, email=user.email, email_verified=True)
    sign_in(client, provider, sub=sub)
    assert not is_signed_in(client)


def test_an_answer_that_was_not_asked_for(provider: OidcProvider, client: Client, db: None) -> None:
    """Another browser's code and state sign nobody in here."""
    sub = secrets.token_hex(8)
    provider.put_user(sub, email=fresh_email(), email_verified=True)
    asked = way_out(Client().post("/accounts/oidc/oidc/login/"))
    response = client.get(provider.approve(asked, sub=sub))
    assert response.status_code == 401
    assert not is_signed_in(client)


def test_a_name_that_is_none(provider: OidcProvider, client: Client, db: None) -> None:
    sub, email = secrets.token_hex(8), fresh_email()
    provider.put_user(sub, email=email, email_verified=True, name={"first": "Ada"})
    sign_in(client, provider, sub=sub)
    assert User.objects.get(email=email).name == ""
