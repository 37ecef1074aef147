from collections import Counter

import pytest
from allauth.idp.oidc.models import Token
from django.core import mail
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from apikeys import keys
from tests.accounts.racing import race
from tests.accounts.signing_in import code, fresh_email, log_in, post, profile, signed_in
from tests.factories import PASSWORD, UserFactory

NEW = "an entirely different staple"


def test_the_new_password_replaces_the_old_one_and_the_user_is_told(
    api: APIClient, user: User
) -> None:
    signed_in(api, user)

    response = post(api, "auth/password/change", current_password=PASSWORD, new_password=NEW)

    assert response.status_code == 204
    assert log_in(APIClient(), user, NEW).status_code == 200
    assert log_in(APIClient(), user).status_code == 401
    assert [message.to for message in mail.outbox] == [[user.email]]


def test_every_other_session_ends_at_once(api: APIClient, user: User) -> None:
    other = session_pairs.issue(user)
    own = signed_in(api, user)

    post(api, "auth/password/change", current_password=PASSWORD, new_password=NEW)

    assert code(profile(other.access)) == "token_revoked"
    assert code(post(APIClient(), "auth/refresh", refresh=other.refresh)) == "token_revoked"
    assert profile(own.access).status_code == 200


def test_what_editors_renew_their_sessions_by_ends_too(api: APIClient, user: User) -> None:
    Token.objects.create(user=user, type=Token.Type.REFRESH_TOKEN, hash="1")
    signed_in(api, user)
    post(api, "auth/password/change", current_password=PASSWORD, new_password=NEW)
    assert not Token.objects.filter(user=user).exists()


def test_browsers_are_signed_out(api: APIClient, user: User, client: Client) -> None:
    client.force_login(user)
    signed_in(api, user)
    post(api, "auth/password/change", current_password=PASSWORD, new_password=NEW)
    assert client.get("/accounts/").status_code == 302


@pytest.mark.parametrize(
    ("body", "status", "expected", "param"),
    [
        (
            {"current_password": "wrong", "new_password": NEW},
            403,
            "wrong_password",
            "current_password",
        ),
        ({"new_password": NEW}, 400, "invalid_request", "current_password"),
        ({"current_password": PASSWORD}, 400, "invalid_request", "new_password"),
        (
            {"current_password": PASSWORD, "new_password": "12345678"},
            400,
            "invalid_request",
            "new_password",
        ),
        (
            {"current_password": PASSWORD, "new_password": "a\0b" * 9},
            400,
            "invalid_request",
            "new_password",
        ),
        (
            {"current_password": [PASSWORD], "new_password": NEW},
            400,
            "invalid_request",
            "current_password",
        ),
    ],
)
def test_refused(
    api: APIClient, user: User, body: dict[str, str], status: int, expected: str, param: str
) -> None:
    other = session_pairs.issue(user)
    signed_in(api, user)

    response = post(api, "auth/password/change", **body)

    assert (response.status_code, code(response)) == (status, expected)
    assert response.json()["error"]["param"] == param
    assert profile(other.access).status_code == 200
    assert log_in(APIClient(), user).status_code == 200


def test_a_user_without_a_password_may_set_one(api: APIClient, db: None) -> None:
    user = User.objects.create_user(fresh_email())
    signed_in(api, user)
    assert post(api, "auth/password/change", new_password=NEW).status_code == 204
    assert log_in(APIClient(), user, NEW).status_code == 200
    assert code(post(api, "auth/password/change", new_password=NEW + "!")) == "invalid_request"


def test_a_stranger_and_a_key_cannot(api: APIClient, user: User) -> None:
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert code(post(api, "auth/password/change", **body)) == "not_authenticated"
    _, key = keys.create(user=user, name="editor")
    api.credentials(HTTP_X_API_KEY=key)
    assert code(post(api, "auth/password/change", **body)) == "key_scope"


def test_guessing_is_limited(api: APIClient, user: User, settings: Settings) -> None:
    settings.LOGIN_RATE_PER_ACCOUNT = "3/d"
    signed_in(api, user)
    guess = {"current_password": "wrong", "new_password": NEW}

    statuses = [post(api, "auth/password/change", **guess).status_code for _ in range(5)]

    assert statuses == [403, 403, 403, 429, 429]
    right = {**guess, "current_password": PASSWORD}
    assert post(api, "auth/password/change", **right).status_code == 429


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_one_wins() -> None:
    user = UserFactory.create(email=fresh_email())
    pair = session_pairs.issue(user)

    def change() -> int:
        api = APIClient(headers={"Authorization": f"Bearer {pair.access}"})
        body = {"current_password": PASSWORD, "new_password": NEW}
        return int(post(api, "auth/password/change", **body).status_code)

    statuses = Counter(race(change))

    assert statuses[204] == 1
    assert set(statuses) <= {204, 403, 409}


def test_staff_who_set_a_password_sign_the_user_out(client: Client, user: User) -> None:
    pair = session_pairs.issue(user)
    client.force_login(User.objects.create_superuser(fresh_email(), PASSWORD))
    body = {"password1": NEW, "password2": NEW, "usable_password": "true"}

    response = client.post(f"/admin/accounts/user/{user.pk}/password/", body)

    assert response.status_code == 302
    assert code(profile(pair.access)) == "token_revoked"


def test_the_page_signs_every_session_out(client: Client, user: User) -> None:
    pair = session_pairs.issue(user)
    client.force_login(user)
    body = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}

    response = client.post("/accounts/password/change/", body)

    assert response.status_code == 302
    assert code(profile(pair.access)) == "token_revoked"
