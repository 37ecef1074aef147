"""Access and refresh tokens as JWTs, with SimpleJWT: signing and reading them.

HS256 with SECRET_KEY, which the header's `kid` names. After the key has changed, tokens signed with
SECRET_KEY_FALLBACKS are accepted until they expire. `iss` and `aud` tell these tokens from whatever
else is signed with the same key. ``session_pairs`` checks whether the session of a token is active.

Tokens of former versions have none of the three. Such an access token is refused: its client
refreshes. Such a refresh token is accepted, once as any other, and gives a pair that has them.
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)

from accounts.errors import InvalidToken

_ISSUER, _AUDIENCE = "tokengate", "tokengate-api"
# What PyJWT, SimpleJWT and Python raise over odd JSON, odd claims, and instants beyond time.
_MALFORMED = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


class AccessToken(tokens.AccessToken):
    """What a caller shows with every request."""

    def get_token_backend(self) -> TokenBackend:
        return _backend(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


class RefreshToken(tokens.RefreshToken):
    """What buys the next pair, once."""

    access_token_class = AccessToken

    def get_token_backend(self) -> TokenBackend:
        return _backend_of_refresh(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@dataclass(frozen=True)
class Claims:
    user_id: int  # sub
    session_id: UUID  # sid
    token_id: UUID  # jti
    expires_at: datetime  # exp


def read(kind: type[AccessToken] | type[RefreshToken], token: str) -> Claims:
    """Return the claims of a token of this kind that was signed here and has not expired.

    Raises ``InvalidToken`` for anything else.
    """
    try:
        payload = kind(token).payload  # type: ignore[arg-type]  # the stubs mean a decoded one
        return Claims(
            int(payload["sub"]),
            UUID(payload["sid"]),
            UUID(payload["jti"]),
            datetime.fromtimestamp(payload["exp"], UTC),
        )
    except (TokenError, *_MALFORMED) as bad:
        raise InvalidToken from bad


class _Backend(TokenBackend):
    """Signs with the first secret, and reads what any of them signed for this purpose."""

    def __init__(self, *secrets: str) -> None:
        super().__init__("HS256", secrets[0], leeway=settings.SIMPLE_JWT["LEEWAY"])
        self._kid = _kid(secrets[0])
        self._by_kid = {
            _kid(secret): _reader(secret, issuer=_ISSUER, audience=_AUDIENCE) for secret in secrets
        }

    def encode(self, payload: dict[str, Any]) -> str:
        claims = {**payload, "iss": _ISSUER, "aud": _AUDIENCE}
        headers = {"kid": self._kid}
        return jwt.encode(claims, self.prepared_signing_key, self.algorithm, headers=headers)

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError as bad:
            raise TokenBackendError("Token is invalid") from bad
        if kid is None:
            return self.decode_without_kid(token, verify=verify)
        if reader := self._by_kid.get(kid):
            return reader.decode(token, verify)
        raise TokenBackendError("Token is invalid")

    def decode_without_kid(self, token: Any, *, verify: bool) -> dict[str, Any]:
        raise TokenBackendError("Token is invalid")


class _BackendOfRefresh(_Backend):
    """Reads those of former versions, too, which nothing but their type tells apart."""

    def __init__(self, *secrets: str) -> None:
        super().__init__(*secrets)
        self._former = [_reader(secret) for secret in secrets]

    def decode_without_kid(self, token: Any, *, verify: bool) -> dict[str, Any]:
        for reader in self._former:
            try:
                claims = reader.decode(token, verify)
            except TokenBackendExpiredToken:
                raise
            except TokenBackendError:
                continue
            if not {"iss", "aud"} & claims.keys():
                return claims
        raise TokenBackendError("Token is invalid")


def _reader(secret: str, *, issuer: str | None = None, audience: str | None = None) -> TokenBackend:
    leeway = settings.SIMPLE_JWT["LEEWAY"]
    return TokenBackend("HS256", secret, audience=audience, issuer=issuer, leeway=leeway)


def _kid(secret: str) -> str:
    """Return the name of a key, which says nothing of the key."""
    return hmac.digest(secret.encode(), b"accounts.sessions.jwts", "sha256").hex()[:16]


_backend = lru_cache(maxsize=8)(_Backend)
_backend_of_refresh = lru_cache(maxsize=8)(_BackendOfRefresh)
