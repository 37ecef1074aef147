"""The tokens of a session: a short-lived access token and a refresh token, both JWTs.

Each token has the id of its session, `sid`: one signed-in device, one family of refresh tokens. The
session's row names the one valid refresh token, so rotation is one conditional UPDATE, and only one
concurrent request succeeds. Every authentication reads the row, so a revocation, suspension or
deletion takes effect at once, independently of Redis.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Least
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from accounts import security_log
from accounts.errors import (
    InvalidCredentials,
    InvalidToken,
    ReauthenticationRequired,
    TokenRevoked,
    TokenSuperseded,
)
from accounts.models import Session, User
from accounts.sessions.jwts import AccessToken, Claims, RefreshToken, read
from accounts.sessions.origins import TRUSTED

if TYPE_CHECKING:  # at run time it would come back here, by way of DRF's settings
    from drf_spectacular.openapi import AutoSchema

TOUCH_EVERY = timedelta(minutes=1)
RECENT = timedelta(minutes=10)


@dataclass(frozen=True)
class Pair:
    access: str
    refresh: str
    expires_in: int


@dataclass(frozen=True)
class Caller:
    """Who a session's access token speaks for, and until when it is accepted."""

    user: User
    session_id: UUID
    until: datetime
    second_factor: bool
    origin: str  # one of Session.Origin

    @property
    def user_id(self) -> int:
        return self.user.pk


def bearer(header: bytes) -> str | None:
    """Return the credential of an `Authorization: Bearer …` header, or None without one.

    Raises ``InvalidToken`` for a header of another form.
    """
    if not header:
        return None
    scheme, _, credential = header.decode("latin-1").strip().partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise InvalidToken("The Authorization header must be: Bearer <token>.")
    return credential.strip()


def issue(
    user: User,
    *,
    name: str = "",
    second_factor: bool = False,
    origin: str = Session.Origin.PASSWORD,
) -> Pair:
    """Sign a device in: open a session and return its first pair.

    ``second_factor``: whether the user gave one; the session will never be asked for it.
    ``origin``: how they signed in, which says what the session may do
    (``accounts.sessions.origins``).

    Raises ``InvalidCredentials`` when the user got another password since ``user`` was read, or
    was suspended: what signs every session out must not miss the one that is about to be opened.
    """
    now = timezone.now()
    user.sessions.filter(expires_at__lt=now).delete()
    token = RefreshToken()
    with transaction.atomic():
        _require_unchanged(user)
        session = Session.objects.create(
            user=user,
            name=name[:200],
            refresh_id=UUID(token["jti"]),
            rotated_at=now,
            expires_at=now + min(token.lifetime, settings.SESSION_MAX_AGE),
            second_factor=second_factor,
            origin=origin,
        )
        security_log.note("session_began", user_id=user.pk, detail=name, origin=str(origin))
    return _pair(token, user_id=user.pk, session_id=session.pk)


def refresh(token: str) -> Pair:
    """Exchange a refresh token for the next pair of its session. Only one of a race succeeds.

    Raises ``TokenSuperseded`` for a loser of that race. Later reuse means that the token was
    copied: the session is revoked, as ``TokenRevoked`` says.
    """
    claims = read(RefreshToken, token)
    _active_session(claims)
    following = RefreshToken()
    if not _rotate(claims, following):
        _refuse_reuse(claims)
    return _pair(following, user_id=claims.user_id, session_id=claims.session_id)


def verify(token: str) -> Caller:
    """Return who an access token speaks for.

    Raises ``InvalidToken`` or ``TokenRevoked``. One query, and one UPDATE a minute.
    """
    claims = read(AccessToken, token)
    session = _active_session(claims)
    now = timezone.now()
    if session.last_used_at <= now - TOUCH_EVERY:
        stale = Session.objects.filter(pk=session.pk, last_used_at=session.last_used_at)
        stale.update(last_used_at=now)
    until = min(
        claims.expires_at + timedelta(seconds=settings.SIMPLE_JWT["LEEWAY"]),
        session.created_at + settings.SESSION_MAX_AGE,
    )
    return Caller(session.user, session.pk, until, session.second_factor, session.origin)


def revoke(session_id: UUID) -> None:
    """Sign one device out: its access tokens are refused from now on, too."""
    _revoke(Q(pk=session_id))


def revoke_all(user: User, *, except_: UUID | None = None) -> None:
    """Sign every device of the user out, or every other one."""
    _revoke(Q(user=user) & ~Q(pk=except_))


def active(user: User) -> QuerySet[Session]:
    """Return the user's signed-in devices, the last used first."""
    now = timezone.now()
    alive = user.sessions.filter(
        revoked_at=None, expires_at__gt=now, created_at__gt=now - settings.SESSION_MAX_AGE
    )
    return alive.order_by("-last_used_at")


def require_recent(session_id: UUID) -> None:
    """Raise ``ReauthenticationRequired`` unless the user signed in a moment ago by this session.

    Allowing an app or a device is no sign-in of the user's own.
    """
    since = timezone.now() - RECENT
    own = Session.objects.filter(pk=session_id, origin__in=TRUSTED)
    if not own.filter(created_at__gte=since).exists():
        raise ReauthenticationRequired


def forget_expired() -> None:
    """Delete the rows whose last refresh token has expired: none of their tokens is good."""
    Session.objects.filter(expires_at__lt=timezone.now()).delete()


def _revoke(which: Q) -> None:
    Session.objects.filter(which, revoked_at=None).update(revoked_at=timezone.now())


def _require_unchanged(user: User) -> None:
    """Hold the user's row, so that a new password waits for the session, and then revokes it."""
    rows = User.objects.select_for_update(no_key=True)
    same = rows.filter(pk=user.pk, password=user.password, is_active=True)
    if same.values_list("pk").first() is None:
        raise InvalidCredentials


def _active_session(claims: Claims) -> Session:
    """Read the session that a token belongs to, with its user, and check that both are active."""
    found = Session.objects.select_related("user").filter(
        pk=claims.session_id, user_id=claims.user_id
    )
    session = found.first()
    if session is None or not session.user.is_active:
        raise InvalidToken
    if session.revoked_at:
        raise TokenRevoked
    if session.created_at <= timezone.now() - settings.SESSION_MAX_AGE:
        raise TokenRevoked("This session has reached its maximum age. Sign in again.")
    return session


def _rotate(claims: Claims, following: RefreshToken) -> bool:
    """Put the following token in the place of this one, if this one is still good.

    The conditions are on the session's own columns only: PostgreSQL looks at them again after it
    has waited for another request's update of the row, which it would not do for a joined table.
    """
    now = timezone.now()
    good = Session.objects.filter(pk=claims.session_id, refresh_id=claims.token_id, revoked_at=None)
    return bool(
        good.update(
            refresh_id=UUID(following["jti"]),
            rotated_at=now,
            last_used_at=now,
            expires_at=Least(
                Value(now + following.lifetime),
                F("created_at") + Value(settings.SESSION_MAX_AGE),
            ),
        )
    )


def _refuse_reuse(claims: Claims) -> NoReturn:
    session = _active_session(claims)
    if timezone.now() - session.rotated_at <= timedelta(seconds=settings.REFRESH_GRACE_SECONDS):
        raise TokenSuperseded
    revoke(session.pk)
    security_log.note("refresh_token_reused", user_id=claims.user_id, session_id=str(session.pk))
    raise TokenRevoked


def _pair(token: RefreshToken, *, user_id: int, session_id: UUID) -> Pair:
    token["sub"] = str(user_id)
    token["sid"] = str(session_id)
    access = token.access_token
    return Pair(str(access), str(token), int(access.lifetime.total_seconds()))


class SessionAuthentication(BaseAuthentication):
    """DRF authentication: sets `request.user`, and `request.auth` to the ``Caller``."""

    errors = (InvalidToken, TokenRevoked)

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        token = bearer(get_authorization_header(request))
        if token is None:
            return None
        caller = verify(token)
        # The access log names the caller.
        request._request.caller_id = caller.user_id  # type: ignore[attr-defined]  # noqa: SLF001
        return caller.user, caller


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.sessions.session_pairs.SessionAuthentication"
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: "AutoSchema") -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "The access token of a session, or an API key.",
        }
