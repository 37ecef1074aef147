"""The last step of an editor's sign-in: its OpenID Connect token becomes a session of ours."""

from typing import Any

from allauth.idp.oidc.models import Token
from django.db import transaction

from accounts import sessions
from accounts.errors import InvalidToken
from accounts.models import User
from accounts.redemption import lock_users
from accounts.sessions import Pair
from config.errors import PermissionDenied

SCOPE = "api"


def exchange(value: str) -> tuple[User, Pair]:
    """Open a session named after the editor, and revoke the token. Each token works once.

    Raises ``InvalidToken``, also for the losers of a race, or ``PermissionDenied`` for a token
    that was not granted the scope `api`.
    """
    token = _living(value)
    user, client = token.user, token.client
    if SCOPE not in token.get_scopes():
        raise PermissionDenied(f"The token was not granted the scope {SCOPE}.")
    with transaction.atomic():
        list(lock_users(pk=user.pk))
        if not Token.objects.filter(pk=token.pk).delete()[0]:
            raise InvalidToken
        _refresh_tokens(token).delete()
        return user, sessions.issue(user, name=client.name)


def _living(value: str) -> Token:
    found = Token.objects.select_related("user", "client").lookup(Token.Type.ACCESS_TOKEN, value)
    if found is None or found.client is None or found.user is None or not found.user.is_active:
        raise InvalidToken
    return found


def _refresh_tokens(token: Token) -> Any:
    """Find what came with it: the session has a refresh token of its own."""
    return Token.objects.filter(type=Token.Type.REFRESH_TOKEN, user=token.user, client=token.client)
