from collections import Counter
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.flows import deletion
from accounts.models import Session, User
from tests.accounts.mailbox import messages_to, verification_key
from tests.accounts.racing import race
from tests.accounts.signing_in import code, fresh_email, log_in, post, verify_address
from tests.factories import PASSWORD, UserFactory


@pytest.fixture
def mandatory(settings: Settings) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


def register(api: APIClient, email: str) -> Any:
    return post(api, "auth/register", email=email, password=PASSWORD)


def verify(key: str) -> Any:
    return post(APIClient(), "auth/verify-email", key=key)


def is_verified(email: str) -> bool:
    return bool(EmailAddress.objects.get(email=email).verified)


def test_the_emailed_key_verifies_the_address(api: APIClient, db: None) -> None:
    email = fresh_email()
    assert register(api, email).status_code == 201
    assert not is_verified(email)

    response = verify(verification_key(email))

    assert (response.status_code, response.json()) == (200, {"email": email, "verified": True})
    assert is_verified(email)
    assert "Set-Cookie" not in response.headers


def test_a_key_works_once(api: APIClient, db: None) -> None:
    email = fresh_email()
    register(api, email)
    key = verification_key(email)
    verify(key)
    assert (verify(key).status_code, code(verify(key))) == (400, "invalid_key")


@pytest.mark.parametrize("key", ["x", "a:b:c", ":", "é"])
def test_a_key_that_is_none(db: None, key: str) -> None:
    assert (verify(key).status_code, code(verify(key))) == (400, "invalid_key")


def test_a_key_expires(api: APIClient, db: None, settings: Settings) -> None:
    email = fresh_email()
    register(api, email)
    settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = -1
    assert code(verify(verification_key(email))) == "invalid_key"


def test_a_key_of_a_deleted_account(api: APIClient, db: None) -> None:
    email = fresh_email()
    register(api, email)
    deletion.delete(User.objects.get(email=email))
    assert code(verify(verification_key(email))) == "invalid_key"


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_one_wins() -> None:
    email = fresh_email()
    register(APIClient(), email)
    key = verification_key(email)
    assert Counter(race(lambda: verify(key).status_code)) == {200: 1, 400: 7}
    assert is_verified(email)


def test_without_verification_nothing_is_sent(api: APIClient, db: None, settings: Settings) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "none"
    assert register(api, fresh_email()).status_code == 201
    assert mail.outbox == []


def test_mandatory_the_session_comes_after_verification(
    api: APIClient, db: None, mandatory: None
) -> None:
    email = fresh_email()
    response = register(api, email)
    user = User.objects.get(email=email)
    assert (response.status_code, list(response.json())) == (202, ["detail"])
    assert not Session.objects.filter(user=user).exists()

    before = log_in(api, user)
    verify(verification_key(email))
    after = log_in(api, user)

    assert (before.status_code, code(before)) == (403, "email_not_verified")
    assert after.status_code == 200


def test_mandatory_a_taken_address_is_answered_the_same(
    api: APIClient, user: User, mandatory: None
) -> None:
    new = fresh_email()
    free, taken = register(api, new), register(api, user.email)

    assert (taken.status_code, taken.content) == (free.status_code, free.content)
    assert dict(taken.headers).keys() == dict(free.headers).keys()
    assert "confirm-email" in str(messages_to(new)[0].body)
    assert "confirm-email" not in str(messages_to(user.email)[0].body)
    assert log_in(api, user, "somebody else's password").status_code == 401


def test_mandatory_only_who_knows_the_password_learns_of_it(
    api: APIClient, user: User, mandatory: None
) -> None:
    assert code(log_in(api, user, "wrong")) == "invalid_credentials"
    assert code(log_in(api, user)) == "email_not_verified"
    verify_address(user)
    assert log_in(api, user).status_code == 200


def test_a_message_can_be_had_again(api: APIClient, user: User, mandatory: None) -> None:
    """Also by a user whom staff made, who never got the first."""
    response = post(api, "auth/verify-email/resend", email=user.email.upper())
    assert response.status_code == 202
    assert verify(verification_key(user.email)).status_code == 200
    assert log_in(api, user).status_code == 200


def test_asking_again_tells_nothing(api: APIClient, user: User) -> None:
    verified = UserFactory.create(email=fresh_email())
    verify_address(verified)
    emails = [user.email, verified.email, fresh_email()]

    answers = [post(api, "auth/verify-email/resend", email=email) for email in emails]

    assert [(a.status_code, a.content) for a in answers] == [(202, answers[0].content)] * 3
    assert [len(messages_to(email)) for email in emails] == [1, 1, 1]


def test_asking_again_is_limited(user: User, settings: Settings) -> None:
    settings.MESSAGE_RATE_PER_EMAIL = "2/d"
    answers = [
        post(APIClient(REMOTE_ADDR=f"10.1.0.{i}"), "auth/verify-email/resend", email=user.email)
        for i in range(3)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 429]


def test_one_address_is_not_flooded_by_registering_it_again_and_again(
    api: APIClient, db: None, settings: Settings
) -> None:
    settings.MESSAGE_RATE_PER_EMAIL = "2/d"
    email = fresh_email()
    for _ in range(4):
        assert register(api, email=email).status_code == 201
        deletion.delete(User.objects.get(email=email))

    assert len(messages_to(email)) == 2


def test_an_address_that_another_user_has_proven_his_is_taken(api: APIClient, user: User) -> None:
    second = fresh_email()
    EmailAddress.objects.create(user=user, email=second, verified=True)
    assert (register(api, second).status_code, code(register(api, second))) == (409, "email_taken")
    assert not User.objects.filter(email=second).exists()


def test_an_address_that_another_user_only_claims_is_free(api: APIClient, user: User) -> None:
    second = fresh_email()
    EmailAddress.objects.create(user=user, email=second, verified=False)
    assert register(api, second).status_code == 201


def test_mandatory_the_owner_is_not_flooded(user: User, mandatory: None) -> None:
    answers = [register(APIClient(REMOTE_ADDR=f"10.1.0.{i}"), user.email) for i in range(7)]
    assert {answer.status_code for answer in answers} == {202}
    assert len(messages_to(user.email)) == 5


def test_mandatory_a_newcomer_goes_on_where_he_came_from(
    client: Client, db: None, mandatory: None
) -> None:
    email, goal = fresh_email(), "/identity/o/device?code=ABCD-EFGH"
    form = {"email": email, "password1": PASSWORD, "next": goal}
    assert client.post("/accounts/signup/", form).status_code == 302
    path = f"/accounts/confirm-email/{verification_key(email)}/"
    elsewhere = Client()
    assert elsewhere.get(path).status_code == 200
    assert client.post(path).headers["location"] == goal
