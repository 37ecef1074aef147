"""Passkeys against somebody who sends what no browser sends, or holds a stolen key."""

import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from fido2.utils import websafe_encode
from pytest_django import Settings

from accounts.flows import second_factor
from accounts.models import SecurityEvent, User
from tests.accounts.passkeys import SecurityKey, registration, verify, with_passkey
from tests.accounts.test_passkeys import ADD, LOGIN, confirm, enter
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
FACTOR = "/accounts/2fa/authenticate/"
AGAIN = "/accounts/2fa/webauthn/reauthenticate/"
_HEAD = bytes(32)  # of authenticator data: the site's digest, then flags and counter
_EXTENSIONS, _KEY = 0x80, 0x40


def challenge(answer: Any) -> str:
    options = answer.context["js_data"]["request_options"]["publicKey"]
    return str(options["challenge"])


def options(client: Client) -> str:
    answer: Any = client.get(LOGIN, headers={"accept": "application/json"})
    return str(json.loads(answer.content)["request_options"]["publicKey"]["challenge"])


def signs_in(client: Client, credential: dict[str, Any]) -> bool:
    client.post(LOGIN, {"credential": json.dumps(credential)})
    return client.get("/portal/").status_code == 200


@pytest.mark.parametrize("verified", [True, False])
def test_alone_it_signs_in_only_with_a_pin_or_a_fingerprint(user: User, verified: bool) -> None:
    key, client = SecurityKey(), Client()
    key.belongs_to(user)
    credential = key.assertion(options(client), user=user, verified=verified)
    assert signs_in(client, credential) is verified


def test_a_challenge_that_asks_for_less_does_not_help_a_thief(
    user: User, settings: Settings
) -> None:
    """The thief has the key without its PIN, and an account of their own.

    Their own sign-in has to lapse first, which leaves its challenge.
    """
    stolen, thief = SecurityKey(), UserFactory.create()
    stolen.belongs_to(user)
    with_passkey(thief)
    client = enter(thief)
    credential = stolen.assertion(challenge(client.get(FACTOR)), user=user, verified=False)
    settings.ACCOUNT_LOGIN_TIMEOUT = -1
    assert not signs_in(client, credential)


def test_after_the_password_no_pin_is_asked_for(user: User) -> None:
    key = SecurityKey()
    key.belongs_to(user)
    client = enter(user)
    credential = key.assertion(challenge(client.get(FACTOR)), user=user, verified=False)
    client.post(FACTOR, {"credential": json.dumps(credential)})
    assert client.get("/portal/").status_code == 200


def test_a_passkey_signs_nobody_else_in(user: User) -> None:
    key, other, client = SecurityKey(), UserFactory.create(), Client()
    key.belongs_to(other)
    with_passkey(user)
    credential = key.assertion(options(client), user=user, verified=True)
    assert not signs_in(client, credential)


def test_a_suspended_user_does_not_sign_in(user: User) -> None:
    key, client = SecurityKey(), Client()
    key.belongs_to(user)
    User.objects.update(is_active=False)
    assert not signs_in(client, key.assertion(options(client), user=user, verified=True))


def test_a_credential_is_good_once(user: User) -> None:
    key, client = SecurityKey(), Client()
    key.belongs_to(user)
    credential = key.assertion(options(client), user=user, verified=True)
    assert signs_in(client, credential)
    other = Client()
    options(other)
    assert not signs_in(other, credential)
    client.post("/accounts/logout/")
    assert not signs_in(client, credential)


def assertion(data: bytes) -> str:
    told = websafe_encode(b'{"type":"webauthn.get","challenge":"","origin":""}')
    response = {
        "userHandle": "MQ",
        "clientDataJSON": told,
        "authenticatorData": websafe_encode(data),
        "signature": "AA",
    }
    return json.dumps({"id": "AA", "rawId": "AA", "type": "public-key", "response": response})


def creation(attestation: bytes) -> str:
    made = registration()
    made["response"]["attestationObject"] = websafe_encode(attestation)
    return json.dumps(made)


CBOR = {
    "nothing": b"",
    "cut length": b"\x19",
    "unknown type": b"\xc0",
    "array without end": b"\x9b" + b"\xff" * 8,
    "nested": b"\x81" * 3000,
    "list as a key": b"\xa1\x80\x00",
    "bad text": b"\x61\xff",
    "key of no kind": b"\xa1\x01\x01",
}
JSON = {
    "nested": "[" * 200_000,
    "nested a little": "[" * 9_000,
    "long number": "1" * 10_000,
    "infinite": "1e999",
    "NUL": '{"id": "\\u0000"}',
    "surrogate": '{"id": "\\ud800"}',
}


def send_everywhere(user: User, credential: str) -> None:
    """Send a credential to each page that takes one; none fails, and none lets anybody in."""
    with_passkey(user)
    client = Client(raise_request_exception=False)
    options(client)
    assert client.post(LOGIN, {"credential": credential}).status_code in (200, 302)
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    client.get(FACTOR)
    assert client.post(FACTOR, {"credential": credential}).status_code in (200, 302)
    assert client.get("/portal/").status_code == 302


@pytest.mark.parametrize("text", JSON.values(), ids=JSON)
def test_odd_json_is_refused(user: User, text: str) -> None:
    send_everywhere(user, text)


@pytest.mark.parametrize("cbor", CBOR.values(), ids=CBOR)
def test_odd_authenticator_data_is_refused(user: User, cbor: bytes) -> None:
    send_everywhere(user, assertion(_HEAD + bytes([_EXTENSIONS | 1]) + bytes(4) + cbor))


@pytest.mark.parametrize("cbor", CBOR.values(), ids=CBOR)
def test_odd_keys_are_refused(user: User, cbor: bytes) -> None:
    ident = bytes(16) + b"\x00\x01A"
    send_everywhere(user, assertion(_HEAD + bytes([_KEY | 1]) + bytes(4) + ident + cbor))


@pytest.mark.parametrize(
    "credential",
    [*JSON.values(), *(creation(cbor) for cbor in CBOR.values())],
    ids=[*JSON, *(f"cbor {name}" for name in CBOR)],
)
def test_odd_registrations_are_refused(user: User, credential: str) -> None:
    verify(user)
    client = enter(user)
    client.raise_request_exception = False
    confirm(client)
    client.get(ADD)
    assert client.post(ADD, {"name": "x", "credential": credential}).status_code == 200
    assert not second_factor.passkeys(user).exists()


def test_a_long_credential_is_not_read(user: User) -> None:
    """fido2 reads an array in quadratic time: this one would take a worker for minutes."""
    length = 1_000_000
    cbor = b"\x9a" + length.to_bytes(4, "big") + bytes(length)
    send_everywhere(user, assertion(_HEAD + bytes([_EXTENSIONS | 1]) + bytes(4) + cbor))


def test_guesses_are_counted(user: User) -> None:
    """Each failure leaves an event, so there must be an end to them."""
    with_passkey(user)
    client = enter(user)
    answers = [client.post(FACTOR, {"credential": '{"id": 1}'}).status_code for _ in range(30)]
    assert answers[-1] == 429
    assert SecurityEvent.objects.filter(event="second_factor_failed").count() < 25


@pytest.mark.parametrize(("had", "has"), [(19, 20), (20, 20)])
def test_an_account_has_a_bounded_number(user: User, had: int, has: int) -> None:
    """Each is read whenever somebody tries to sign in as this user."""
    verify(user)
    client = enter(user)
    confirm(client)
    answer: Any = client.get(ADD)
    options = answer.context["js_data"]["creation_options"]["publicKey"]
    kind = Authenticator.Type.WEBAUTHN
    for _ in range(had):
        data = {"name": "key", "credential": registration()}
        Authenticator.objects.create(user=user, type=kind, data=data)
    credential = json.dumps(registration(challenge=options["challenge"]))
    client.post(ADD, {"name": "one more", "credential": credential, "passwordless": "on"})
    assert second_factor.passkeys(user).count() == has


def test_a_name_is_short(user: User) -> None:
    verify(user)
    client = enter(user)
    confirm(client)
    data = {"name": "key", "credential": registration()}
    made = Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data=data)
    page = f"/accounts/2fa/webauthn/keys/{made.pk}/edit/"
    assert client.post(page, {"name": "n" * 101}).status_code == 200
    made.refresh_from_db()
    assert made.data["name"] == "key"
