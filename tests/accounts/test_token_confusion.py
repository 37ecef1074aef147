"""What must never pass for an access token. Each is a 401, none a 500."""

import base64
import hmac
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Session, User
from accounts.sessions import session_pairs
from accounts.sessions.jwts import AccessToken
from tests.accounts.signing_in import code, profile, refresh

_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_PUBLIC = _RSA.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@dataclass(frozen=True)
class Forger:
    """Somebody who would like to have a token of this kind."""

    user: User
    kind: str

    def good(self, kind: str = "") -> str:
        return str(getattr(session_pairs.issue(self.user), kind or self.kind))

    def other_kind(self) -> str:
        return self.good("refresh" if self.kind == "access" else "access")

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Return the claims of a good token, as changed; None takes one away."""
        good = jwt.decode(self.good(), options={"verify_signature": False})
        return {key: value for key, value in {**good, **changed}.items() if value is not None}

    def signed(self, **changed: Any) -> str:
        return jwt.encode(self.claims(**changed), settings.SECRET_KEY, algorithm="HS256")

    def by_hand(self, header: Any, signature: str = "") -> str:
        return f"{_part(header)}.{_part(self.claims())}.{signature}"

    def signature(self) -> str:
        return self.good().rpartition(".")[2]

    def with_public_key_as_secret(self) -> str:
        text = self.by_hand({"alg": "HS256", "typ": "JWT"}).removesuffix(".")
        return f"{text}.{_base64(hmac.digest(_PUBLIC, text.encode(), 'sha256'))}"


def _part(data: Any) -> str:
    return _base64(json.dumps(data).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


FORGERIES: dict[str, Callable[[Forger], str]] = {
    "of the other kind": Forger.other_kind,
    "alg none": lambda by: by.by_hand({"alg": "none", "typ": "JWT"}),
    "alg None": lambda by: by.by_hand({"alg": "None"}),
    "no alg": lambda by: by.by_hand({}),
    "HS512": lambda by: jwt.encode(by.claims(), settings.SECRET_KEY * 2, algorithm="HS512"),
    "RS256": lambda by: jwt.encode(by.claims(), _RSA, algorithm="RS256"),
    "HS256 with a public key": Forger.with_public_key_as_secret,
    "another secret": lambda by: jwt.encode(by.claims(), secrets.token_hex(), algorithm="HS256"),
    "no signature": lambda by: by.good().rpartition(".")[0] + ".",
    "two parts": lambda by: by.good().rpartition(".")[0],
    "another token's signature": lambda by: by.by_hand({"alg": "HS256"}, by.signature()),
    "expired": lambda by: by.signed(exp=1_000_000_000),
    "of the future": lambda by: by.signed(iat=9_999_999_999),
    "no exp": lambda by: by.signed(exp=None),
    "exp that is no number": lambda by: by.signed(exp="soon"),
    "exp beyond time": lambda by: by.signed(exp=10**30),
    "no jti": lambda by: by.signed(jti=None),
    "jti that is no UUID": lambda by: by.signed(jti="1"),
    "no sid": lambda by: by.signed(sid=None),
    "sid that is no UUID": lambda by: by.signed(sid="1"),
    "sid that is a list": lambda by: by.signed(sid=[1]),
    "unknown sid": lambda by: by.signed(sid=str(uuid.uuid4())),
    "no sub": lambda by: by.signed(sub=None),
    "sub that is no number": lambda by: by.signed(sub="root"),
    "sub beyond numbers": lambda by: by.signed(sub="9" * 40),
    "sub of another user": lambda by: by.signed(sub=str(by.user.pk + 1)),
    "no typ": lambda by: by.signed(typ=None),
    "another typ": lambda by: by.signed(typ="id"),
    "garbage": lambda _: "garbage",
    "dots": lambda _: "..",
    "not ASCII": lambda _: "é.é.é",
    "deep JSON": lambda _: _base64(b"[" * 3_000) + ".e30.x",
    "a list as claims": lambda _: jwt.api_jws.encode(b"[]", settings.SECRET_KEY, "HS256"),
    "long": lambda _: "a" * 4_096,
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_as_bearer(user: User, forgery: Callable[[Forger], str]) -> None:
    response = profile(forgery(Forger(user, "access")))
    assert (response.status_code, code(response)) == (401, "invalid_token")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_as_refresh_token(api: APIClient, user: User, forgery: Callable[[Forger], str]) -> None:
    response = refresh(api, forgery(Forger(user, "refresh")))
    assert (response.status_code, code(response)) == (401, "invalid_token")


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic dTpw", "Token abc", "bearer", "Bearer a b", "é"]
)
def test_other_headers(api: APIClient, db: None, header: str) -> None:
    response = api.get("/api/users/profile", headers={"Authorization": header})
    assert (response.status_code, code(response)) == (401, "invalid_token")


def test_scheme_in_any_case(api: APIClient, user: User) -> None:
    access = session_pairs.issue(user).access
    response = api.get("/api/users/profile", headers={"Authorization": f"bearer  {access} "})
    assert response.status_code == 200


def test_token_in_the_query_string(api: APIClient, user: User) -> None:
    access = session_pairs.issue(user).access
    response = api.get(f"/api/users/profile?access_token={access}&token={access}")
    assert (response.status_code, code(response)) == (401, "not_authenticated")


def test_claims_are_as_the_contract_says(user: User) -> None:
    pair = session_pairs.issue(user)
    session = Session.objects.get()
    for token, kind in ((pair.access, "access"), (pair.refresh, "refresh")):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert set(claims) == {"typ", "exp", "iat", "jti", "sub", "sid"}
        assert (claims["typ"], claims["sub"], claims["sid"]) == (
            kind,
            str(user.pk),
            str(session.pk),
        )


def test_suspended_and_deleted_users(api: APIClient, user: User) -> None:
    access = session_pairs.issue(user).access
    User.objects.update(is_active=False)
    assert code(profile(access)) == "invalid_token"
    User.objects.update(is_active=True)
    assert profile(access).status_code == 200
    user.delete()
    assert code(profile(access)) == "invalid_token"


def test_a_former_secret_is_good_while_it_is_a_fallback(
    api: APIClient, user: User, settings: Settings
) -> None:
    pair = session_pairs.issue(user)
    former, settings.SECRET_KEY = settings.SECRET_KEY, secrets.token_urlsafe(50)
    assert profile(pair.access).status_code == 401

    settings.SECRET_KEY_FALLBACKS = [secrets.token_urlsafe(50), former]
    assert profile(pair.access).status_code == 200
    renewed = refresh(api, pair.refresh).json()

    settings.SECRET_KEY_FALLBACKS = []
    assert profile(renewed["access"]).status_code == 200


def test_an_expired_token_of_a_former_secret(
    api: APIClient, user: User, settings: Settings
) -> None:
    token = AccessToken()
    token["sub"], token["sid"] = str(user.pk), str(uuid.uuid4())
    token.set_exp(from_time=timezone.now() - timedelta(hours=1))
    text = str(token)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = secrets.token_urlsafe(50)
    assert code(profile(text)) == "invalid_token"
