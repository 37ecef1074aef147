"""Access and refresh tokens as JWTs, with SimpleJWT: signing and reading them.

HS256 with SECRET_KEY. After the key has changed, tokens signed with SECRET_KEY_FALLBACKS are
accepted until they expire. ``session_pairs`` checks whether the session of a token is active.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import (
    TokenBackendError,
    TokenBackendExpiredToken,
    TokenError,
)

from accounts.errors import InvalidToken

# What PyJWT, SimpleJWT and Python raise over odd JSON, odd claims, and instants beyond time.
_MALFORMED = (
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


class _SignedHere(tokens.Token):
    def get_token_backend(self) -> TokenBackend:
        return _backend(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


class AccessToken(_SignedHere, tokens.AccessToken):
    """What a caller shows with every request."""


class RefreshToken(_SignedHere, tokens.RefreshToken):  # type: ignore[misc]
    """What buys the next pair, once."""

    access_token_class = AccessToken


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
    def __init__(self, secret: str, *former: str) -> None:
        leeway = settings.SIMPLE_JWT["LEEWAY"]
        super().__init__("HS256", secret, leeway=leeway)
        self._former = [TokenBackend("HS256", each, leeway=leeway) for each in former]

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        try:
            return super().decode(token, verify)
        except TokenBackendExpiredToken:
            raise
        except TokenBackendError:
            return self._decode_with_former(token, verify=verify)

    def _decode_with_former(self, token: Any, *, verify: bool) -> dict[str, Any]:
        for former in self._former:
            try:
                return former.decode(token, verify)
            except TokenBackendError:
                continue
        raise TokenBackendError("Token is invalid")


@lru_cache(maxsize=8)
def _backend(secret: str, *former: str) -> _Backend:
    return _Backend(secret, *former)
