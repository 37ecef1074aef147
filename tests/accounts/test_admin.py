import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Session, User
from accounts.sessions import session_pairs
from accounts.sessions.revocation import sign_out_everywhere
from tests.accounts.signing_in import code, fresh_email, log_in, post, profile, verify_address
from tests.factories import PASSWORD, UserFactory


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(fresh_email(), PASSWORD))
    return client


def test_a_user_is_made_by_email(staff: Client) -> None:
    email = fresh_email()
    form = {
        "email": email.upper(),
        "name": "Ada",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    assert staff.post("/admin/accounts/user/add/", form).status_code == 302
    user = User.objects.get(email=email)
    assert user.check_password(PASSWORD)
    assert user.name == "Ada"


def test_a_taken_email_is_told_in_the_form(staff: Client, user: User) -> None:
    form = {
        "email": user.email.upper(),
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    response = staff.post("/admin/accounts/user/add/", form)
    assert "This email is already in use." in response.text


@pytest.mark.parametrize("page", ["", "add/", "{user.pk}/change/", "{user.pk}/password/", "?q=ada"])
def test_pages_of_users(staff: Client, user: User, page: str) -> None:
    assert staff.get(f"/admin/accounts/user/{page.format(user=user)}").status_code == 200


def test_sessions_are_read_only(staff: Client, user: User) -> None:
    session_pairs.issue(user)
    session = Session.objects.get()
    page = f"/admin/accounts/session/{session.pk}/change/"
    assert staff.get("/admin/accounts/session/").status_code == 200
    assert str(session.refresh_id) not in staff.get(page).text
    assert staff.post(page, {"name": "x"}).status_code == 403
    assert staff.get("/admin/accounts/session/add/").status_code == 403


def test_sessions_are_signed_out(staff: Client, user: User) -> None:
    pair, other = (
        session_pairs.issue(user),
        session_pairs.issue(UserFactory.create(email=fresh_email())),
    )
    session = Session.objects.get(user=user)
    form = {"action": "sign_out", "_selected_action": [str(session.pk)]}
    staff.post("/admin/accounts/session/", form)
    assert code(profile(pair.access)) == "token_revoked"
    assert profile(other.access).status_code == 200
    assert "Signed out." in staff.get(f"/admin/accounts/session/{session.pk}/history/").text


def test_wrong_passwords_are_counted(user: User) -> None:
    client = Client()
    form = {"login": user.email, "password": "wrong"}
    login_page = client.get("/admin/login/").headers["Location"]
    pages = [client.post(login_page, form) for _ in range(11)]
    assert [page.status_code for page in pages] == [200] * 10 + [429]
    assert int(pages[-1].headers["Retry-After"]) > 0
    assert code(log_in(APIClient(), user)) == "rate_limited"


def test_a_new_email_takes_the_place_of_the_old(staff: Client, user: User) -> None:
    verify_address(user)
    old, new = user.email, fresh_email()
    form = {"email": new, "name": "", "is_active": "on"}
    assert staff.post(f"/admin/accounts/user/{user.pk}/change/", form).status_code == 302
    [address] = EmailAddress.objects.filter(user=user)
    assert (address.email, address.primary, address.verified) == (new, True, False)
    assert code(post(APIClient(), "auth/login", email=old, password=PASSWORD))
    assert post(APIClient(), "auth/login", email=new, password=PASSWORD).status_code == 200


def test_an_email_that_another_has_proven_is_taken(staff: Client, user: User) -> None:
    proven = fresh_email()
    other = UserFactory.create(email=fresh_email())
    EmailAddress.objects.create(user=other, email=proven, verified=True)
    form = {"email": proven, "name": "", "is_active": "on"}
    page = staff.post(f"/admin/accounts/user/{user.pk}/change/", form)
    assert "This email is already in use." in page.text


def test_a_form_that_was_open_writes_no_old_password(staff: Client, user: User) -> None:
    """Only what was changed is written: a password and an epoch of meanwhile stay."""
    sign_out_everywhere(user)
    with CaptureQueriesContext(connection) as queries:
        form = {"email": user.email, "name": "Ada", "is_active": "on"}
        staff.post(f"/admin/accounts/user/{user.pk}/change/", form)
    [update] = [q["sql"] for q in queries if q["sql"].startswith('UPDATE "accounts_user"')]
    assert '"name"' in update
    assert "password" not in update
    assert "epoch" not in update
