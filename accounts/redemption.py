"""Codes that are good for one redemption, also when several arrive at the same time.

PostgreSQL decides, not the cache that the codes are kept in: a code that a restarted cache brings
back stays redeemed.
"""

import hashlib
from datetime import timedelta

from allauth.idp.oidc.models import Token
from django.db import connection
from django.utils import timezone

from accounts.models import RedeemedGrant

# Far longer than any code is good for.
_KEEP = timedelta(days=1)


def claim(code: str) -> bool:
    """Mark the code as redeemed. True for one caller, false for every other one, ever.

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


def lock_refresh_token(value: str) -> None:
    """Lock the row of a refresh token, which its rotation deletes: whoever waited finds none."""
    rows = Token.objects.by_value(value).filter(type=Token.Type.REFRESH_TOKEN)
    list(rows.select_for_update())


def forget_expired() -> None:
    """Delete what has expired: tokens of editors, and the marks of codes."""
    Token.objects.expired().delete()
    RedeemedGrant.objects.filter(created_at__lt=timezone.now() - _KEEP).delete()


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
