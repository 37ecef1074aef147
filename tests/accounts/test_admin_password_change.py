"""No page of the staff's site changes a password its own way, or signs anybody in."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.errors import TokenRevoked
from accounts.models import User
from accounts.sessions import session_pairs
from tests.accounts.signing_in import fresh_email, post, signed_in
from tests.factories import PASSWORD, UserFactory

NEW = "an entirely different staple"
CHANGE = "/accounts/password/change/"


@pytest.fixture
def staff(db: None) -> User:
    made: User = UserFactory.create(email=fresh_email(), is_staff=True, is_superuser=True)
    return made


def own_pages(staff: User) -> list[str]:
    return [
        reverse("admin:password_change"),
        reverse("admin:password_change_done"),
        reverse("admin:auth_user_password_change", args=(staff.pk,)),
    ]


def test_every_such_page_leads_to_the_account_pages(client: Client, staff: User) -> None:
    client.force_login(staff)
    body = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    body |= {"password1": NEW, "password2": NEW}

    for path in own_pages(staff):
        for answer in (client.get(path), client.post(path, body)):
            assert (answer.status_code, answer.headers["Location"]) == (302, CHANGE), path
    staff.refresh_from_db()
    assert staff.check_password(PASSWORD)


def test_no_route_of_the_admin_about_passwords_is_left_out(staff: User) -> None:
    patterns, _, _ = admin.site.urls
    names = {getattr(each, "name", None) for each in patterns}

    about = {name for name in names if name and ("password" in name or name in ("login", "logout"))}

    assert about == {"login", "logout", "password_change", "password_change_done"}


def test_the_change_ends_all_other_sessions_and_keeps_this_one(client: Client, staff: User) -> None:
    other, elsewhere = Client(), session_pairs.issue(staff)
    for browser in (client, other):
        browser.force_login(staff)

    body = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert client.post(CHANGE, body).status_code == 302

    assert client.get("/accounts/").status_code == 200
    assert other.get("/accounts/").status_code == 302
    with pytest.raises(TokenRevoked):
        session_pairs.verify(elsewhere.access)


@pytest.mark.parametrize(
    ("path", "field"),
    [(CHANGE, "oldpassword"), ("/accounts/reauthenticate/", "password")],
)
def test_wrong_passwords_are_counted(client: Client, staff: User, path: str, field: str) -> None:
    client.force_login(staff)
    body = {field: "wrong", "password1": NEW, "password2": NEW}

    answers = [client.post(path, body).status_code for _ in range(11)]

    assert answers[-1] == 429
    right = {**body, field: PASSWORD}
    assert client.post(path, right).status_code == 429
    staff.refresh_from_db()
    assert staff.check_password(PASSWORD)


def test_wrong_passwords_of_the_pages_and_of_the_api_add_up(
    api: APIClient, client: Client, staff: User
) -> None:
    client.force_login(staff)
    staff.refresh_from_db()
    signed_in(api, staff)
    for _ in range(4):
        client.post(CHANGE, {"oldpassword": "wrong", "password1": NEW, "password2": NEW})
        client.post("/accounts/reauthenticate/", {"password": "wrong"})

    guesses = [
        post(api, "auth/password/change", current_password="wrong", new_password=NEW).status_code
        for _ in range(3)
    ]

    assert guesses == [403, 403, 429]


def test_logging_out_of_the_admin_needs_a_form(staff: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)

    assert client.get("/admin/logout/").status_code == 405
    assert client.post("/admin/logout/").status_code == 403
    assert client.get("/accounts/").status_code == 200
