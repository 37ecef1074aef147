"""The second factor: set up and asked for on the pages and by the API, counted, and good once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    generate_totp_secret,
)
from django.db import connection
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.flows import deletion
from accounts.models import Session, User
from accounts.sessions import session_pairs
from tests.accounts.second_factor import code_of, enrolled, give_code, give_password, log_in
from tests.accounts.signing_in import code as error_code
from tests.accounts.signing_in import fresh_email, post, verify_address
from tests.factories import PASSWORD, UserFactory

STAFFS = "/api/admin/users"


def admin() -> tuple[User, str]:
    return enrolled(is_staff=True, is_superuser=True)


def staffs(access: str) -> Any:
    return APIClient().get(STAFFS, headers={"Authorization": f"Bearer {access}"})


@pytest.mark.django_db
def test_staff_enter_the_admin_after_password_and_code(client: Client) -> None:
    staff, secret = admin()

    first = client.get("/admin/accounts/user/")
    assert first.headers["Location"] == "/accounts/login/?next=%2Fadmin%2Faccounts%2Fuser%2F"
    asked = give_password(client, staff, then="/admin/accounts/user/")
    assert asked.headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert client.get("/admin/accounts/user/").status_code == 302
    let_in = give_code(client, code_of(secret))

    assert let_in.headers["Location"] == "/admin/accounts/user/"
    assert client.get("/admin/accounts/user/").status_code == 200


@pytest.mark.django_db
def test_setting_it_up(client: Client, settings: Settings) -> None:
    settings.STAFF_MFA_REQUIRED = True
    staff: User = UserFactory.create(email=fresh_email(), is_staff=True, is_superuser=True)
    verify_address(staff)
    give_password(client, staff)

    led = client.get("/admin/")
    assert led.headers["Location"] == "/accounts/2fa/totp/activate/"
    proof = {"password": PASSWORD, "next": led.headers["Location"]}
    client.post("/accounts/reauthenticate/", proof)
    page = client.get(led.headers["Location"])
    assert "Staff need a second factor" in page.text
    secret = client.session["mfa.totp.secret"]
    assert secret in page.text
    assert client.post(led.headers["Location"], {"code": "000000"}).status_code == 200
    done = client.post(led.headers["Location"], {"code": code_of(secret)})
    codes = client.get(done.headers["Location"])

    assert "recovery" in codes.text.lower()
    assert (
        client.get("/admin/").headers["Location"]
        == "/accounts/2fa/reauthenticate/?next=%2Fadmin%2F"
    )
    again = client.post(
        "/accounts/2fa/reauthenticate/", {"code": code_of(secret), "next": "/admin/"}
    )
    assert again.headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db
def test_the_site_s_own_login_lets_nobody_by(client: Client) -> None:
    staff, _ = admin()

    page = client.post(
        "/admin/login/?next=/admin/auth/", {"username": staff.email, "password": PASSWORD}
    )

    assert page.headers["Location"] == "/accounts/login/?next=%2Fadmin%2Fauth%2F"
    assert "_auth_user_id" not in client.session
    client.force_login(UserFactory.create(is_staff=True))
    client.post("/admin/login/", {"username": staff.email, "password": PASSWORD})
    assert client.session["_auth_user_id"] != str(staff.pk)
    client.logout()
    elsewhere = client.get("/admin/login/?next=https://evil.example/")
    assert elsewhere.headers["Location"] == "/accounts/login/?next=%2Fadmin%2F"


@pytest.mark.django_db
def test_users_are_not_led_round(client: Client) -> None:
    client.force_login(UserFactory.create(email=fresh_email()))

    assert client.get("/admin/").status_code == 403
    assert client.get("/admin/login/").status_code == 403


@pytest.mark.django_db
def test_staff_without_one_come_in_where_none_is_required(client: Client) -> None:
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))

    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db
def test_the_api_asks_for_it() -> None:
    staff, secret = admin()

    for wrong in ({}, {"code": ""}, {"code": "000000"}):
        refused = log_in(staff, **wrong)
        assert refused.status_code in (400, 403)
        assert error_code(refused) in ("second_factor_required", "invalid_request")
        assert refused.json()["error"]["param"] == "code"
    assert not Session.objects.filter(user=staff).exists()
    access = log_in(staff, code=code_of(secret)).json()["access"]

    assert staffs(access).status_code == 200


@pytest.mark.django_db
def test_a_session_keeps_what_it_was_given() -> None:
    staff, secret = admin()
    pair = log_in(staff, code=code_of(secret)).json()

    following = post(APIClient(), "auth/refresh", refresh=pair["refresh"]).json()

    assert staffs(following["access"]).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("enrolls", [True, False])
def test_staffs_endpoints_are_closed_to_sessions_without_it(
    settings: Settings, enrolls: bool
) -> None:
    settings.STAFF_MFA_REQUIRED = not enrolls
    staff: User = UserFactory.create(email=fresh_email(), is_staff=True, is_superuser=True)
    access = session_pairs.issue(staff).access
    verify_address(staff)
    if enrolls:  # after having signed in
        TOTP.activate(staff, generate_totp_secret())

    refused = staffs(access)

    assert (refused.status_code, error_code(refused)) == (403, "second_factor_required")
    own = APIClient().get("/api/users/profile", headers={"Authorization": f"Bearer {access}"})
    assert own.status_code == 200


@pytest.mark.django_db
def test_users_are_no_staff_by_it() -> None:
    user, secret = enrolled()

    access = log_in(user, code=code_of(secret)).json()["access"]

    assert error_code(staffs(access)) == "permission_denied"


@pytest.mark.django_db
def test_a_code_is_good_once(client: Client) -> None:
    staff, secret = admin()
    code = code_of(secret)
    assert log_in(staff, code=code).status_code == 200

    assert error_code(log_in(staff, code=code)) == "second_factor_required"
    give_password(client, staff)
    assert give_code(client, code).status_code == 200  # the form once more
    assert client.get("/admin/").status_code == 302


@pytest.mark.django_db
def test_a_recovery_code_is_good_once() -> None:
    staff, _ = admin()
    first, second = RecoveryCodes.activate(staff).get_unused_codes()[:2]

    assert [log_in(staff, code=each).status_code for each in (first, first, second)] == [
        200,
        403,
        200,
    ]


@pytest.mark.django_db(transaction=True)
def test_of_a_race_with_one_code_one_wins() -> None:
    staff, _ = admin()
    code = RecoveryCodes.activate(staff).get_unused_codes()[0]

    def once(_: int) -> int:
        try:
            status: int = log_in(staff, code=code).status_code
            return status
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(once, range(4))) == [200, 403, 403, 403]


@pytest.mark.django_db
def test_guesses_are_counted_on_the_pages_and_by_the_api_together(client: Client) -> None:
    staff, secret = admin()
    give_password(client, staff)
    pages = [give_code(client, f"{guess:06}").status_code for guess in range(10)]

    assert pages == [200] * 10
    assert give_code(client, code_of(secret)).status_code == 429
    assert error_code(log_in(staff, code=code_of(secret))) == "rate_limited"


@pytest.mark.django_db
def test_the_password_alone_does_not_remove_it(client: Client) -> None:
    staff, _ = admin()
    give_password(client, staff)

    page = client.post("/accounts/2fa/totp/deactivate/")

    assert page.headers["Location"].startswith("/accounts/login/")
    assert Authenticator.objects.filter(user=staff).exists()


@pytest.mark.django_db
def test_it_goes_with_the_account() -> None:
    gone, _ = enrolled()

    deletion.delete(gone)

    assert not Authenticator.objects.filter(user=gone).exists()


@pytest.mark.django_db
def test_who_has_none_may_send_a_code_all_the_same() -> None:
    user: User = UserFactory.create(email=fresh_email())

    assert log_in(user, code="123456").status_code == 200
