from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from tests.accounts.racing import race
from tests.accounts.signing_in import code, fresh_email, log_in, profile
from tests.factories import PASSWORD, UserFactory


def test_the_right_password_gives_a_session(api: APIClient, user: User) -> None:
    response = log_in(api, user)

    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"access", "refresh", "expires_in", "token_type", "user"}
    assert answer["user"]["email"] == user.email
    assert profile(answer["access"]).status_code == 200
    user.refresh_from_db()
    assert user.last_login is not None


def test_email_in_any_case(api: APIClient, user: User) -> None:
    user.email = user.email.upper()
    assert log_in(api, user).status_code == 200


def test_wrong_password(api: APIClient, user: User) -> None:
    response = log_in(api, user, "wrong")
    assert (response.status_code, code(response)) == (401, "invalid_credentials")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_answers_tell_nothing_about_accounts(api: APIClient, user: User) -> None:
    suspended = UserFactory.create(email=fresh_email(), is_active=False)
    without_password = User.objects.create_user(fresh_email())
    answers = [
        log_in(api, user, "wrong"),
        log_in(api, User(email=fresh_email())),
        log_in(api, suspended),
        log_in(api, without_password),
    ]
    errors = [answer.json()["error"] for answer in answers]
    assert {error["code"] for error in errors} == {"invalid_credentials"}
    assert len({error["message"] for error in errors}) == 1


@pytest.mark.parametrize("who", ["known", "unknown"])
def test_an_unknown_email_costs_as_much_hashing_as_a_wrong_password(
    api: APIClient, user: User, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    hashed: list[str] = []
    for name in ("encode", "verify"):
        work = getattr(Argon2PasswordHasher, name)

        def counted(*args: Any, _work: Any = work, _name: str = name) -> Any:
            hashed.append(_name)
            return _work(*args)

        monkeypatch.setattr(Argon2PasswordHasher, name, counted)

    log_in(api, user if who == "known" else User(email=fresh_email()), "wrong")

    assert len(hashed) == 1


@pytest.mark.parametrize(
    "body", [{}, {"email": "a@example.com"}, {"email": [], "password": {}}, [], "text", None]
)
def test_unfit_body(api: APIClient, db: None, body: Any) -> None:
    response = api.post("/api/auth/login", body, format="json")
    assert (response.status_code, code(response)) == (400, "invalid_request")


def test_form_bodies_are_refused(api: APIClient, user: User) -> None:
    response = api.post("/api/auth/login", {"email": user.email, "password": PASSWORD})
    assert (response.status_code, code(response)) == (415, "unsupported_media_type")


def test_an_account_is_limited_from_any_address(user: User, settings: Settings) -> None:
    settings.LOGIN_RATE_PER_ACCOUNT = "3/d"
    answers = [log_in(APIClient(REMOTE_ADDR=f"192.0.2.{i}"), user, "wrong") for i in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    error = answers[-1].json()["error"]
    assert (error["code"], error["retryable"]) == ("rate_limited", True)
    assert 0 < error["retry_after"] <= 24 * 3600
    assert answers[-1].headers["Retry-After"] == str(error["retry_after"])
    assert datetime.fromisoformat(error["resets_at"]) > datetime.now(UTC)


def test_a_limited_account_refuses_the_right_password_too(
    api: APIClient, user: User, settings: Settings
) -> None:
    settings.LOGIN_RATE_PER_ACCOUNT = "1/d"
    log_in(api, user, "wrong")
    assert log_in(api, user).status_code == 429


def test_successful_logins_do_not_add_up(api: APIClient, user: User, settings: Settings) -> None:
    settings.LOGIN_RATE_PER_ACCOUNT = "2/d"
    codes = [log_in(api, user).status_code for _ in range(4)]
    assert codes == [200] * 4


@pytest.mark.django_db(transaction=True)
def test_a_burst_in_parallel_gains_nothing(api: APIClient, settings: Settings) -> None:
    user = UserFactory.create(email=fresh_email())
    settings.LOGIN_RATE_PER_ACCOUNT = "3/d"
    codes = race(lambda: log_in(api, user, "wrong").status_code)
    assert sorted(codes) == [401] * 3 + [429] * 5


def test_an_address_is_limited_over_all_accounts(
    api: APIClient, db: None, settings: Settings
) -> None:
    settings.LOGIN_RATE_PER_ADDRESS = "2/d"
    codes = [log_in(api, User(email=fresh_email())).status_code for _ in range(3)]
    assert codes == [401, 401, 429]
