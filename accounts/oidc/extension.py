"""The last step of an editor's sign-in: exchanging its OAuth token for a session."""

from typing import Any

from allauth.idp.oidc.models import Client, Token
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts import notices
from accounts.errors import InvalidToken
from accounts.flows.redemption import grant_of, lock_users
from accounts.models import Session, User
from accounts.sessions import session_pairs
from accounts.sessions.session_pairs import Pair
from core.errors import PermissionDenied
from core.links import site_url

SCOPE = "api"


def exchange(value: str, *, address: str) -> tuple[User, Pair]:
    """Open a session named after the editor, and revoke the token. Each token works once.

    The user is told by email, with the caller's ``address``.

    Raises ``InvalidToken``, also for the losers of a race, or ``PermissionDenied`` for a token
    that was not granted the scope `api`.
    """
    token = _valid_token(value)
    user, client = token.user, token.client
    if SCOPE not in token.get_scopes():
        raise PermissionDenied(f"The token does not have the scope {SCOPE}.")
    with transaction.atomic():
        list(lock_users(pk=user.pk))
        if not Token.objects.filter(pk=token.pk).delete()[0]:
            raise InvalidToken
        _refresh_tokens(token).delete()
        origin = _origin(token)
        pair = session_pairs.issue(user, name=client.name, origin=origin)
        _tell(user, client.name, origin, address)
        return user, pair


def _origin(token: Token) -> Session.Origin:
    by_device = grant_of(token) == Client.GrantType.DEVICE_CODE
    return Session.Origin.DEVICE if by_device else Session.Origin.OAUTH


def _tell(user: User, app: str, origin: Session.Origin, address: str) -> None:
    notices.tell(
        user,
        "new_app",
        app=app,
        origin=origin.value,
        at=f"{timezone.now():%Y-%m-%d %H:%M} UTC",
        address=address,
        link=f"{site_url()}{reverse('account_devices')}",
    )


def _valid_token(value: str) -> Token:
    found = Token.objects.select_related("user", "client").lookup(Token.Type.ACCESS_TOKEN, value)
    if found is None or found.client is None or found.user is None or not found.user.is_active:
        raise InvalidToken
    return found


def _refresh_tokens(token: Token) -> Any:
    """Find what came with it: the session has a refresh token of its own."""
    return Token.objects.filter(type=Token.Type.REFRESH_TOKEN, user=token.user, client=token.client)
