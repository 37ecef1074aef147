"""Before a way into the account is added, its user shows again that it is they."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Session, User
from tests.accounts.editor import Browser, Connect, Editor
from tests.accounts.provider import come_back
from tests.accounts.signing_in import code, fresh_email, just_signed_in, post, signed_in
from tests.factories import PASSWORD
from tests.fakes.oidc_provider import OidcProvider

NEW = "an entirely different staple"


@pytest.fixture
def social(db: None) -> User:
    """A user without a password."""
    return User.objects.create_user(fresh_email())


def sign_in_long_ago(api: APIClient, user: User) -> None:
    signed_in(api, user)
    Session.objects.update(created_at=timezone.now() - timedelta(minutes=11))


def test_linking_takes_a_password_or_a_recent_sign_in(
    api: APIClient, user: User, provider: OidcProvider
) -> None:
    sign_in_long_ago(api, user)
    start = {"path": "users/oauth-accounts", "provider": "oidc"}
    assert code(post(api, **start)) == "reauthentication_required"
    assert code(post(api, **start, password="wrong")) == "wrong_password"
    assert code(post(api, **start, id_token="x")) == "reauthentication_required"
    assert post(api, **start, password=PASSWORD).status_code == 200
    signed_in(api, user)
    assert post(api, **start).status_code == 200


def test_a_first_password_takes_a_recent_sign_in(api: APIClient, social: User) -> None:
    sign_in_long_ago(api, social)
    late = post(api, "auth/password/change", new_password=NEW)
    assert (late.status_code, code(late)) == (403, "reauthentication_required")
    signed_in(api, social)
    assert post(api, "auth/password/change", new_password=NEW).status_code == 204


def test_pages_ask_for_the_password(client: Client, user: User) -> None:
    client.force_login(user)
    other = fresh_email()
    asked = client.post("/accounts/email/", {"action_add": "", "email": other})
    assert asked.headers["location"].startswith("/accounts/reauthenticate/")
    assert not EmailAddress.objects.filter(email=other).exists()
    client.post(asked.headers["location"], {"password": PASSWORD})
    assert EmailAddress.objects.filter(email=other).exists()


def test_pages_have_users_without_a_password_sign_in_again(client: Client, social: User) -> None:
    client.force_login(social)
    form = {"password1": NEW, "password2": NEW}
    asked = client.post("/accounts/password/set/", form)
    assert asked.headers["location"] == "/accounts/login/?next=%2Faccounts%2Fpassword%2Fset%2F"
    client.force_login(social)
    just_signed_in(client, social)
    client.post("/accounts/password/set/", form)
    social.refresh_from_db()
    assert social.check_password(NEW)


def test_pages_link_nothing_to_a_browser_left_open(
    client: Client, social: User, provider: OidcProvider
) -> None:
    client.force_login(social)
    to_provider = client.post("/accounts/oidc/oidc/login/?process=connect")
    done = come_back(client, provider, to_provider, sub="somebody")
    assert done.headers["location"].startswith("/accounts/login/")
    assert not SocialAccount.objects.filter(user=social).exists()


def test_an_editor_may_require_it(editor: Editor, connect: Connect, social: User) -> None:
    """Also for users who have no password to be asked for."""
    browser = Browser(connect(), user=social)
    page = browser.get("/identity/o/authorize", **editor.question, prompt="login")
    assert (page.status_code, page.url.path) == (200, "/accounts/login/")
    assert page.url.params["next"].startswith("/identity/o/authorize?")
    assert "prompt" not in page.url.params["next"]
    assert browser.get("/accounts/").url.path == "/accounts/login/"
