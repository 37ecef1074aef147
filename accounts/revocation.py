"""Ending every way in that was opened before: what a new password and a deletion do."""

from uuid import UUID

from allauth.idp.oidc.models import Token

from accounts import sessions
from accounts.models import User


def sign_out_everywhere(user: User, *, except_: UUID | None = None) -> None:
    """Revoke every session of the user but the given one, and what editors could renew theirs by.

    Sessions of the browser's pages are bound to the password's hash, and to ``is_active``.
    """
    Token.objects.filter(user=user).delete()  # first: it waits for those being exchanged just now
    sessions.revoke_all(user, except_=except_)
