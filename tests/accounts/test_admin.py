import pytest
from django.test import Client

from accounts import sessions
from accounts.models import Session, User
from tests.accounts.signing_in import code, fresh_email, profile
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
    assert "This e-mail is taken." in response.text


@pytest.mark.parametrize("page", ["", "add/", "{user.pk}/change/", "{user.pk}/password/", "?q=ada"])
def test_pages_of_users(staff: Client, user: User, page: str) -> None:
    assert staff.get(f"/admin/accounts/user/{page.format(user=user)}").status_code == 200


def test_sessions_are_read_only(staff: Client, user: User) -> None:
    sessions.issue(user)
    session = Session.objects.get()
    page = f"/admin/accounts/session/{session.pk}/change/"
    assert staff.get("/admin/accounts/session/").status_code == 200
    assert str(session.refresh_id) not in staff.get(page).text
    assert staff.post(page, {"name": "x"}).status_code == 403
    assert staff.get("/admin/accounts/session/add/").status_code == 403


def test_sessions_are_signed_out(staff: Client, user: User) -> None:
    pair, other = sessions.issue(user), sessions.issue(UserFactory.create(email=fresh_email()))
    session = Session.objects.get(user=user)
    form = {"action": "sign_out", "_selected_action": [str(session.pk)]}
    staff.post("/admin/accounts/session/", form)
    assert code(profile(pair.access)) == "token_revoked"
    assert profile(other.access).status_code == 200
    assert "Signed out." in staff.get(f"/admin/accounts/session/{session.pk}/history/").text
