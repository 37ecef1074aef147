from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.errors import InvalidCredentials
from accounts.flows import passwords
from accounts.models import User
from accounts.sessions import session_pairs
from tests.accounts.mailbox import messages_to, reset_key
from tests.accounts.racing import race
from tests.accounts.signing_in import code, fresh_email, log_in, post, profile
from tests.factories import UserFactory
from tests.ports import free_port

NEW = "an entirely different staple"


def ask(api: APIClient, email: str) -> str:
    """Ask for a key, and return it."""
    assert post(api, "auth/password/reset", email=email).status_code == 202
    return reset_key(email)


def confirm(key: str, new: str = NEW) -> object:
    return post(APIClient(), "auth/password/reset/confirm", key=key, new_password=new)


def outcome(response: object) -> tuple[int, str]:
    return response.status_code, code(response)  # type: ignore[attr-defined]


def test_the_emailed_key_sets_a_new_password(api: APIClient, user: User) -> None:
    assert post(api, "auth/password/reset", email=user.email.upper()).status_code == 202
    assert len(messages_to(user.email)) == 1
    body = {"key": reset_key(user.email), "new_password": NEW}

    response = post(api, "auth/password/reset/confirm", **body)

    assert response.status_code == 204
    assert log_in(api, user, NEW).status_code == 200
    assert log_in(api, user).status_code == 401
    assert len(messages_to(user.email)) == 2  # that it has happened


def test_uid_and_token_will_do(api: APIClient, user: User) -> None:
    uid, _, token = ask(api, user.email).partition("-")
    body = {"uid": uid, "token": token, "new_password": NEW}
    assert post(api, "auth/password/reset/confirm", **body).status_code == 204


def test_every_session_ends_at_once(api: APIClient, user: User) -> None:
    pairs = [session_pairs.issue(user), session_pairs.issue(user)]
    confirm(ask(api, user.email))
    assert [code(profile(pair.access)) for pair in pairs] == ["token_revoked"] * 2


def test_nobody_learns_who_has_an_account(api: APIClient, user: User) -> None:
    stranger = fresh_email()
    suspended = UserFactory.create(email=fresh_email(), is_active=False)

    answers = [
        post(api, "auth/password/reset", email=email)
        for email in (user.email, stranger, suspended.email)
    ]

    assert [(a.status_code, a.content) for a in answers] == [(202, answers[0].content)] * 3
    assert [len(messages_to(e)) for e in (user.email, stranger, suspended.email)] == [1, 1, 1]
    assert "reset/key" not in str(messages_to(stranger)[0].body)
    assert "reset/key" not in str(messages_to(suspended.email)[0].body)


def test_a_mail_server_that_is_down_tells_nothing(
    api: APIClient, user: User, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    known = post(api, "auth/password/reset", email=user.email)
    unknown = post(api, "auth/password/reset", email=fresh_email())
    assert (known.status_code, known.content) == (202, unknown.content)


def test_a_login_that_was_under_way_opens_no_session(user: User) -> None:
    """Its password was right when it was looked at, and is no more when the session is opened."""
    passwords.replace(User.objects.get(pk=user.pk), password=NEW)
    with pytest.raises(InvalidCredentials):
        session_pairs.issue(user)


def test_a_key_works_once(api: APIClient, user: User) -> None:
    key = ask(api, user.email)
    confirm(key)
    assert outcome(confirm(key, NEW + "!")) == (400, "invalid_key")


def test_a_login_ends_the_key(api: APIClient, user: User) -> None:
    key = ask(api, user.email)
    log_in(api, user)
    assert outcome(confirm(key)) == (400, "invalid_key")


def test_an_expired_key(api: APIClient, user: User, settings: Settings) -> None:
    key = ask(api, user.email)
    settings.PASSWORD_RESET_TIMEOUT = int(timedelta(seconds=-1).total_seconds())
    assert outcome(confirm(key)) == (400, "invalid_key")


def test_a_key_of_somebody_else(api: APIClient, user: User) -> None:
    other = UserFactory.create(email=fresh_email())
    uid = ask(api, other.email).partition("-")[0]
    token = ask(api, user.email).partition("-")[2]
    assert outcome(confirm(f"{uid}-{token}")) == (400, "invalid_key")


@pytest.mark.parametrize("key", ["x", "-", "1-2-3", "0-a", "zzzzzzzzzzzzzz-1-1", "!!-1-1"])
def test_a_key_that_is_none(db: None, key: str) -> None:
    assert outcome(confirm(key)) == (400, "invalid_key")


def test_a_body_that_is_none(api: APIClient, db: None) -> None:
    bodies: list[dict[str, Any]] = [
        {"new_password": NEW},
        {"uid": "1", "new_password": NEW},
        {"key": [], "new_password": NEW},
    ]
    for body in bodies:
        response = post(api, "auth/password/reset/confirm", **body)
        assert (response.status_code, code(response)) == (400, "invalid_request")


def test_a_suspended_user(api: APIClient, user: User) -> None:
    key = ask(api, user.email)
    User.objects.update(is_active=False)
    assert outcome(confirm(key)) == (400, "invalid_key")


def test_a_weak_password_does_not_use_the_key_up(api: APIClient, user: User) -> None:
    key = ask(api, user.email)
    weak = confirm(key, "12345678")
    assert outcome(weak) == (400, "invalid_request")
    assert weak.json()["error"]["param"] == "new_password"  # type: ignore[attr-defined]
    assert confirm(key).status_code == 204  # type: ignore[attr-defined]


def test_messages_to_one_address_are_limited(user: User, settings: Settings) -> None:
    settings.MESSAGE_RATE_PER_EMAIL = "2/d"
    for email in (user.email, fresh_email()):
        answers = [
            post(APIClient(REMOTE_ADDR=f"10.0.0.{i}"), "auth/password/reset", email=email)
            for i in range(3)
        ]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        assert int(answers[2].headers["Retry-After"]) > 0
    assert len(mail.outbox) == 4


def test_messages_asked_for_by_one_address_are_limited(
    api: APIClient, db: None, settings: Settings
) -> None:
    settings.MESSAGE_RATE_PER_ADDRESS = "2/d"
    answers = [post(api, "auth/password/reset", email=fresh_email()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_one_wins() -> None:
    user = UserFactory.create(email=fresh_email())
    key = ask(APIClient(), user.email)
    passwords = iter([f"{NEW} {number}" for number in range(8)])

    def attempt() -> tuple[int, str]:
        new = next(passwords)
        return confirm(key, new).status_code, new  # type: ignore[attr-defined]

    results = race(attempt)

    assert Counter(status for status, _ in results) == {204: 1, 400: 7}
    winner = next(new for status, new in results if status == 204)
    assert log_in(APIClient(), user, winner).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_eight_pages_at_once_one_wins() -> None:
    """The pages look at the key first and write later: still only one of them writes."""
    user = UserFactory.create(email=fresh_email())
    path = f"/accounts/password/reset/key/{ask(APIClient(), user.email)}/"
    browsers = [Client() for _ in range(8)]
    forms = iter([(each, each.get(path).headers["location"]) for each in browsers])

    def attempt() -> int:
        browser, form = next(forms)
        return browser.post(form, {"password1": NEW, "password2": NEW}).status_code

    assert Counter(race(attempt))[302] == 1


def test_the_page_signs_every_session_out(api: APIClient, user: User, client: Client) -> None:
    pair = session_pairs.issue(user)
    path = f"/accounts/password/reset/key/{ask(api, user.email)}/"
    form = client.get(path).headers["location"]
    assert client.post(form, {"password1": NEW, "password2": NEW}).status_code == 302
    assert code(profile(pair.access)) == "token_revoked"
