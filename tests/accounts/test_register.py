import json
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Session, User
from tests.accounts.racing import race
from tests.accounts.signing_in import code, fresh_email, profile, refresh
from tests.factories import PASSWORD


def register(api: APIClient, **fields: Any) -> Any:
    body = {"email": fresh_email(), "password": PASSWORD, **fields}
    return api.post("/api/auth/register", json.dumps(body), content_type="application/json")


def test_registering_creates_a_user_and_a_session(api: APIClient, db: None) -> None:
    email = fresh_email()

    response = register(api, email=email, name="Ada")

    assert response.status_code == 201
    answer = response.json()
    user = User.objects.get(email=email)
    assert answer["user"] == {
        "id": user.pk,
        "email": email,
        "name": "Ada",
        "date_joined": user.date_joined.isoformat().replace("+00:00", "Z"),
    }
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)
    assert profile(answer["access"]).json() == answer["user"]
    assert refresh(api, answer["refresh"]).status_code == 200
    assert response.headers["Cache-Control"] == "no-store"


def test_password_is_hashed_with_argon2(api: APIClient, db: None) -> None:
    email = fresh_email()
    register(api, email=email)
    assert User.objects.get(email=email).password.startswith("argon2")


def test_email_is_folded_to_lower_case(api: APIClient, db: None) -> None:
    email = fresh_email()
    response = register(api, email=f"  {email.upper()} ")
    assert response.json()["user"]["email"] == email


@pytest.mark.parametrize("spelling", [str.lower, str.upper])
def test_taken_email(api: APIClient, user: User, spelling: Any) -> None:
    response = register(api, email=spelling(user.email))
    assert (response.status_code, code(response)) == (409, "email_taken")
    assert response.json()["error"]["param"] == "email"


@pytest.mark.django_db(transaction=True)
def test_racing_for_one_email(api: APIClient) -> None:
    email = fresh_email()
    codes = race(lambda: register(api, email=email).status_code)
    assert sorted(codes) == [201, *[409] * 7]
    assert User.objects.filter(email=email).count() == 1


@pytest.mark.parametrize(
    "password",
    ["short1!", "password", "83746592018", "", "x\0y-correct-horse", 7, None, "x" * 1025],
)
def test_unfit_password(api: APIClient, db: None, password: Any) -> None:
    email = fresh_email()
    body = {"email": email, "password": password}
    # 7 is taken for "7", and is too short as that.
    response = register(api, **body)
    assert (response.status_code, code(response)) == (400, "invalid_request")
    assert response.json()["error"]["param"] == "password"
    assert not User.objects.filter(email=email).exists()


def test_password_like_the_email(api: APIClient, db: None) -> None:
    email = fresh_email()
    response = register(api, email=email, password=email.partition("@")[0])
    assert (response.status_code, response.json()["error"]["param"]) == (400, "password")


@pytest.mark.parametrize(
    "email",
    ["", "nobody", "a@b", "a b@example.com", "a\0@example.com", "\ud800@example.com", None, 5, []],
)
def test_unfit_email(api: APIClient, db: None, email: Any) -> None:
    response = register(api, email=email)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "email")


def test_email_that_grows_past_its_column_in_lower_case(api: APIClient, db: None) -> None:
    labels = ".".join(["İ" * 15] * 15)
    response = register(api, email=f"a@{labels}.example.com")
    assert response.status_code == 400


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "{", "\0"])
def test_body_that_is_no_object(api: APIClient, db: None, body: str) -> None:
    response = api.post("/api/auth/register", body, content_type="application/json")
    assert (response.status_code, code(response)) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("headers", "fields", "expected"),
    [
        ({"X-Client-Name": "Ada's laptop"}, {}, "Ada's laptop"),
        ({"X-Client-Name": "header"}, {"device_name": "body"}, "body"),
        ({"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"}, {}, "Firefox on Linux"),
        ({"User-Agent": "curl/8.5.0"}, {}, "curl"),
        ({}, {}, ""),
    ],
)
def test_session_is_named(
    api: APIClient, db: None, headers: dict[str, str], fields: dict[str, str], expected: str
) -> None:
    body = {"email": fresh_email(), "password": PASSWORD, **fields}
    api.post("/api/auth/register", body, format="json", headers=headers)
    assert Session.objects.get(user__email=body["email"]).name == expected


def test_limited_by_address(api: APIClient, db: None, settings: Settings) -> None:
    settings.REGISTER_RATE = "2/d"
    codes = [register(api).status_code for _ in range(3)]
    assert codes == [201, 201, 429]


def test_a_session_is_not_needed_and_a_bad_one_does_not_matter(api: APIClient, db: None) -> None:
    api.credentials(HTTP_AUTHORIZATION="Bearer long-expired")
    assert register(api).status_code == 201
