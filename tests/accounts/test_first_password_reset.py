"""Somebody registers with another's address, and waits. Its owner resets the password."""

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from apikeys import keys
from tests.accounts.mailbox import messages_to, reset_key
from tests.accounts.resetting import NEW, by_the_api, by_the_page
from tests.accounts.signing_in import code, fresh_email, log_in, post, verify_address


@pytest.mark.parametrize("reset", [by_the_api, by_the_page])
def test_a_reset_removes_what_was_attached_before(
    api: APIClient, user: User, reset: Callable[[str], None]
) -> None:
    """What was prepared before is gone: a second address, a linked account, a key."""
    second_address = fresh_email()
    EmailAddress.objects.create(user=user, email=second_address, verified=True, primary=True)
    EmailAddress.objects.create(
        user=User.objects.create_user(fresh_email()), email=user.email, verified=True
    )
    SocialAccount.objects.create(user=user, provider="oidc", uid="x")
    _, key = keys.create(user=user, name="left behind")

    post(api, "auth/password/reset", email=user.email)
    reset(reset_key(user.email))

    assert log_in(api, user, NEW).status_code == 200
    assert api.get("/api/auth/me", headers={"X-API-Key": key}).status_code == 401
    assert not SocialAccount.objects.filter(user=user).exists()
    [address] = EmailAddress.objects.filter(email__in=[user.email, second_address])
    assert (address.user, address.verified, address.primary) == (user, True, True)


def test_a_proven_address_keeps_everything(api: APIClient, user: User) -> None:
    verify_address(user)
    SocialAccount.objects.create(user=user, provider="oidc", uid="x")
    _, key = keys.create(user=user, name="editor")
    post(api, "auth/password/reset", email=user.email)
    by_the_api(reset_key(user.email))
    assert api.get("/api/auth/me", headers={"X-API-Key": key}).status_code == 200
    assert SocialAccount.objects.filter(user=user).exists()


@pytest.mark.parametrize("path", ["/api/auth/password/reset", "/accounts/password/reset/"])
def test_another_address_counts_when_both_are_proven(client: Client, user: User, path: str) -> None:
    """Else whoever registered with an address could reset, and so verify, it by their own."""
    other = fresh_email()
    EmailAddress.objects.create(user=user, email=other, verified=True)
    body = {"data": {"email": other}}
    if path.startswith("/api/"):
        body["content_type"] = "application/json"  # type: ignore[assignment]
    client.post(path, **body)  # type: ignore[arg-type]
    assert "reset/key" not in str(messages_to(other)[-1].body)
    verify_address(user)
    client.post(path, **body)  # type: ignore[arg-type]
    assert reset_key(other)


def test_the_page_counts_with_the_api(api: APIClient, user: User, client: Client) -> None:
    for _ in range(5):
        assert post(api, "auth/password/reset", email=user.email).status_code == 202
    page = client.post("/accounts/password/reset/", {"email": user.email})
    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) > 0
    assert code(post(api, "auth/password/reset", email=user.email)) == "rate_limited"
