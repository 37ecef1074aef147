"""Signing a user out everywhere: after a new password, a suspension or a deletion."""

from uuid import UUID

from allauth.idp.oidc.models import Token
from django.db import transaction
from django.db.models import F

from accounts.models import User
from accounts.sessions import session_pairs


@transaction.atomic
def sign_out_everywhere(user: User, *, except_: UUID | None = None) -> None:
    """Revoke every session of the user but the given one, and what editors could renew theirs by.

    The new epoch also ends the cookies of the browser's pages, and codes that were granted and not
    yet redeemed. It comes first: its lock on the user's row waits for whoever redeems something
    just now (``redemption``), so that what comes of it is found and revoked.
    """
    User.objects.filter(pk=user.pk).update(epoch=F("epoch") + 1)
    user.refresh_from_db(fields=["epoch"])
    Token.objects.filter(user=user).delete()
    session_pairs.revoke_all(user, except_=except_)
