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

    def signed(self, header: dict[str, Any] | None = None, **changed: Any) -> str:
        """Sign with the right key, which the header names unless another header is given."""
        headers = {"kid": self.kid()} if header is None else header
        key = settings.SECRET_KEY
        return jwt.encode(self.claims(**changed), key, algorithm="HS256", headers=headers)

    def signed_as_it_is(self, **changed: Any) -> str:
        """Sign what the library would not."""
        text = json.dumps(self.claims(**changed)).encode()
        header = {"kid": self.kid()}
        return jwt.api_jws.encode(text, settings.SECRET_KEY, "HS256", headers=header)

    def kid(self) -> str:
        return str(jwt.get_unverified_header(self.good())["kid"])

    def by_another_key(self, key: Any, algorithm: str) -> str:
        return jwt.encode(self.claims(), key, algorithm, headers={"kid": self.kid()})

    def by_hand(self, header: Any, signature: str = "") -> str:
        return f"{_part(header)}.{_part(self.claims())}.{signature}"

    def signature(self) -> str:
        return self.good().rpartition(".")[2]

    def with_public_key_as_secret(self) -> str:
        text = self.by_hand({"alg": "HS256", "kid": self.kid()}).removesuffix(".")
        return f"{text}.{_base64(hmac.digest(_PUBLIC, text.encode(), 'sha256'))}"


def _part(data: Any) -> str:
    return _base64(json.dumps(data).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


FORGERIES: dict[str, Callable[[Forger], str]] = {
    "of the other kind": Forger.other_kind,
    "alg none": lambda by: by.by_hand({"alg": "none", "typ": "JWT", "kid": by.kid()}),
    "alg None": lambda by: by.by_hand({"alg": "None", "kid": by.kid()}),
    "no alg": lambda by: by.by_hand({"kid": by.kid()}),
    "alg none without kid": lambda by: by.by_hand({"alg": "none"}),
    "HS512": lambda by: by.by_another_key(settings.SECRET_KEY * 2, "HS512"),
    "RS256": lambda by: by.by_another_key(_RSA, "RS256"),
    "HS256 with a public key": Forger.with_public_key_as_secret,
    "another secret": lambda by: by.by_another_key(secrets.token_hex(), "HS256"),
    "no signature": lambda by: by.good().rpartition(".")[0] + ".",
    "two parts": lambda by: by.good().rpartition(".")[0],
    "another token's signature": lambda by: by.by_hand(
        {"alg": "HS256", "kid": by.kid()}, by.signature()
    ),
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
    "no iss": lambda by: by.signed(iss=None),
    "no aud": lambda by: by.signed(aud=None),
    "another iss": lambda by: by.signed(iss="https://evil.example"),
    "another aud": lambda by: by.signed(aud="tokengate-invoices"),
    "other auds": lambda by: by.signed(aud=["a", "b"]),
    "aud that is a number": lambda by: by.signed(aud=1),
    "iss that is a list": lambda by: by.signed_as_it_is(iss=["tokengate"]),
    "foreign kid": lambda by: by.signed({"kid": "1"}),
    "kid that is a path": lambda by: by.signed({"kid": "../../dev/null"}),
    "no kid": lambda by: by.signed({}),
    "no kid, another iss": lambda by: by.signed({}, iss="https://evil.example", aud=None),
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
        assert set(claims) == {"typ", "exp", "iat", "jti", "sub", "sid", "iss", "aud"}
        assert (claims["iss"], claims["aud"]) == ("tokengate", "tokengate-api")
        assert (claims["typ"], claims["sub"], claims["sid"]) == (
            kind,
            str(user.pk),
            str(session.pk),
        )


_FORMER: dict[str, Any] = {"header": {}, "iss": None, "aud": None}


def test_an_access_token_of_a_former_version_is_refused(user: User) -> None:
    """It names neither its issuer nor its audience: its client refreshes."""
    assert code(profile(Forger(user, "access").signed(**_FORMER))) == "invalid_token"


def test_a_refresh_token_of_a_former_version_is_good_once(
    api: APIClient, user: User, settings: Settings
) -> None:
    settings.REFRESH_GRACE_SECONDS = 0
    former = Forger(user, "refresh").signed(**_FORMER)

    renewed = refresh(api, former).json()

    assert profile(renewed["access"]).status_code == 200
    assert jwt.decode(renewed["refresh"], options={"verify_signature": False})["aud"]
    assert code(refresh(api, former)) == "token_revoked"


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
