"""Passkeys: who may add one, and what sign-ins and the API make of them."""

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.test import Client
from rest_framework.test import APIClient

from accounts.errors import EmailNotVerified
from accounts.flows import passwords, second_factor
from accounts.models import User
from tests.accounts.passkeys import registration, verify, with_passkey
from tests.accounts.signing_in import code, post
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
ADD = "/accounts/2fa/webauthn/add/"
LOGIN = "/accounts/2fa/webauthn/login/"


def enter(user: User) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


def test_an_unverified_address_has_to_be_verified_first(user: User) -> None:
    answer = enter(user).get(ADD)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/email/")
    with pytest.raises(EmailNotVerified):
        Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={})


def confirm(client: Client) -> None:
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})


def test_who_adds_one_has_to_confirm_that_it_is_them(user: User) -> None:
    verify(user)
    client = enter(user)
    for send in (client.get, client.post):
        answer = send(ADD)
        assert answer.status_code == 302
        assert "/accounts/reauthenticate/" in answer.headers["Location"]
    confirm(client)
    assert client.get(ADD).status_code == 200


def test_sessions_of_the_api_cannot_add_one(api: APIClient, user: User) -> None:
    verify(user)
    pair = post(api, "auth/login", email=user.email, password=PASSWORD).json()
    answer = Client().get(ADD, headers={"authorization": f"Bearer {pair['access']}"})
    assert "/accounts/login/" in answer.headers["Location"]


def test_the_password_alone_no_longer_signs_in(api: APIClient, user: User) -> None:
    with_passkey(user)
    assert second_factor.is_set_up(user)
    answer = post(api, "auth/login", email=user.email, password=PASSWORD)
    assert code(answer) == "second_factor_required"
    wrong = post(api, "auth/login", email=user.email, password=PASSWORD, code="000000")
    assert code(wrong) == "second_factor_required"
    assert enter(user).get("/portal/").status_code == 302


def test_the_api_takes_a_recovery_code_instead(api: APIClient, user: User) -> None:
    with_passkey(user)
    spare = RecoveryCodes.activate(user).get_unused_codes()[0]
    answer = post(api, "auth/login", email=user.email, password=PASSWORD, code=spare)
    assert answer.status_code == 200


def test_a_reset_keeps_it(user: User) -> None:
    with_passkey(user)
    passwords.renew(user, password="an entirely different staple")
    assert second_factor.passkeys(user).count() == 1


ODD = [
    *("", "x", "1", "[]", "{}", "null", '"a"'),
    *('{"response": 1}', '{"response": {}}', '{"response": {"userHandle": 5}}'),
    json.dumps(
        {
            "id": "a",
            "rawId": "a",
            "type": "public-key",
            "response": {
                "userHandle": "MQ",
                "clientDataJSON": "e30",
                "authenticatorData": "AA",
                "signature": "AA",
            },
        }
    ),
]


@pytest.mark.parametrize("credential", ODD)
def test_odd_credentials_are_refused(user: User, credential: str) -> None:
    with_passkey(user)
    client = Client(raise_request_exception=False)
    client.get(LOGIN, headers={"accept": "application/json"})
    answer = client.post(LOGIN, {"credential": credential})
    assert answer.status_code in (200, 302, 400), credential
    assert client.get("/portal/").status_code == 302
    second = Client(raise_request_exception=False)
    second.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    factor = second.post("/accounts/2fa/authenticate/", {"credential": credential})
    assert factor.status_code in (200, 302, 400), credential
    assert second.get("/portal/").status_code == 302


def test_options_name_the_site_and_no_user(client: Client) -> None:
    answer: Any = client.get(LOGIN, headers={"accept": "application/json"})
    options = json.loads(answer.content)["request_options"]["publicKey"]
    assert options["userVerification"] == "required"
    assert not options.get("allowCredentials")
    assert options["rpId"] == "testserver"


@pytest.mark.parametrize("credential", [*ODD, json.dumps(registration())])
def test_odd_registrations_are_refused(user: User, credential: str) -> None:
    verify(user)
    client = enter(user)
    confirm(client)
    client.get(ADD)
    answer = client.post(ADD, {"name": "x", "credential": credential, "passwordless": "on"})
    assert answer.status_code == 200, credential
    assert not second_factor.passkeys(user).exists()


def test_nobody_removes_or_renames_those_of_others(user: User) -> None:
    other: User = UserFactory.create()
    theirs = with_passkey(other)
    verify(user)
    client = enter(user)
    confirm(client)
    for what in ("remove", "edit"):
        page = f"/accounts/2fa/webauthn/keys/{theirs.pk}/{what}/"
        assert client.post(page, {"name": "mine"}).status_code == 404
    assert second_factor.passkeys(other).get().data["name"] == "laptop"
