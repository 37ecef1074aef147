"""A password reset by mail is no way around a second factor, whichever path it takes."""

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import Session, User
from tests.accounts.mailbox import reset_key
from tests.accounts.resetting import NEW, by_the_api, by_the_page
from tests.accounts.second_factor import code_of, enrolled
from tests.accounts.signing_in import code as error_code
from tests.accounts.signing_in import post

Reset = Callable[[str], None]


@pytest.fixture(params=["user", "superuser"])
def owner(request: pytest.FixtureRequest, db: None) -> tuple[User, str]:
    is_root = request.param == "superuser"
    return enrolled(is_staff=is_root, is_superuser=is_root)


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("reset", [by_the_api, by_the_page])
def test_after_a_reset_signing_in_still_asks_for_the_factor(
    api: APIClient, owner: tuple[User, str], reset: Reset, verified: bool
) -> None:
    user, secret = owner
    EmailAddress.objects.filter(user=user).update(verified=verified)
    post(api, "auth/password/reset", email=user.email)
    reset(reset_key(user.email))

    refused = post(api, "auth/login", email=user.email, password=NEW)
    assert error_code(refused) == "second_factor_required"
    assert not Session.objects.filter(user=user).exists()
    browser = Client()
    page = browser.post("/accounts/login/", {"login": user.email, "password": NEW})
    assert page.headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert "_auth_user_id" not in browser.session
    let_in = post(api, "auth/login", email=user.email, password=NEW, code=code_of(secret))
    assert let_in.status_code == 200


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("reset", [by_the_api, by_the_page])
def test_no_stored_factor_is_lost(
    api: APIClient, owner: tuple[User, str], reset: Reset, verified: bool
) -> None:
    user, _ = owner
    EmailAddress.objects.filter(user=user).update(verified=verified)
    before = list(Authenticator.objects.filter(user=user).values("pk", "data"))
    post(api, "auth/password/reset", email=user.email)

    reset(reset_key(user.email))

    assert list(Authenticator.objects.filter(user=user).values("pk", "data")) == before
