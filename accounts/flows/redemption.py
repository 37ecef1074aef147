"""Codes that can be redeemed once, also if several requests arrive at the same time.

PostgreSQL decides, not the cache that stores the codes: a code that a restarted cache restores
remains redeemed.
"""

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from allauth.idp.oidc.models import Token
from django.core.cache import cache
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import RedeemedGrant, User

_GRANT = "grant"  # in the data of a token
# Far longer than any code is good for.
_KEEP = timedelta(days=1)


def claim(code: str) -> bool:
    """Mark the code as redeemed. True for the first caller, false for all others.

    A caller waits for the transaction of another one that is about to decide.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_redeemedgrant (digest, created_at) VALUES (%s, %s)"
            " ON CONFLICT DO NOTHING",
            [_digest(code), timezone.now()],
        )
        return bool(cursor.rowcount == 1)


def take_turns(code: str) -> None:
    """Let one transaction at a time look at what is cached about this code, and change it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [_digest(code)])


def lock_refresh_token(value: str) -> Token | None:
    """Lock a refresh token, which its rotation deletes: whoever waited finds none.

    Its user's row comes first, as for everything that is redeemed: see ``sign_out_everywhere``.
    """
    rows = Token.objects.by_value(value).filter(type=Token.Type.REFRESH_TOKEN)
    list(lock_users(pk__in=rows.values("user")))
    found: Token | None = rows.select_for_update().first()
    return found


def remember_granter(code: str, user: User) -> None:
    """Note who grants this code, and in which epoch: it is void after they sign out everywhere."""
    granter = {"pk": user.pk, "epoch": user.epoch}
    cache.set(_granter_key(code), granter, timeout=_KEEP.total_seconds())


def lock_granter(code: str) -> bool:
    """Tell whether the grant still stands. If it does, it will until the transaction ends."""
    granter = cache.get(_granter_key(code))
    return bool(granter and lock_users(**granter, is_active=True).first())


def lock_users(**which: Any) -> QuerySet[User, int]:
    """Lock rows of users, when evaluated, against signing out everywhere meanwhile."""
    return User.objects.select_for_update(no_key=True).filter(**which).values_list("pk", flat=True)


def remember_grant(values: Iterable[str], grant: str) -> None:
    """Note on tokens that were just issued by which grant type the sign-in began."""
    for value in values:
        for token in Token.objects.by_value(value):
            token.data = {**(token.data or {}), _GRANT: grant}
            token.save(update_fields=["data"])


def grant_of(token: Token) -> str:
    """Return the grant type that was noted on the token, or nothing."""
    return str((token.data or {}).get(_GRANT, ""))


def forget_expired() -> None:
    """Delete what has expired: tokens of editors, and the marks of codes."""
    Token.objects.expired().delete()
    RedeemedGrant.objects.filter(created_at__lt=timezone.now() - _KEEP).delete()


def _granter_key(code: str) -> str:
    return f"granter:{_digest(code)}"


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
