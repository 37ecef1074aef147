"""Making, rotating and revoking keys: the only writer of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.models import User
from accounts.sessions import REVOKED
from apikeys import secrets
from apikeys.models import ApiKey, default_scopes
from config.database import announce
from config.errors import Conflict, NotFound


def create(
    *,
    user: User,
    name: str,
    scopes: Sequence[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key. The text that comes with it is the key itself: show it now or never."""
    text = secrets.new_key()
    key = ApiKey.objects.create(
        user=user,
        name=name,
        scopes=list(scopes or default_scopes()),
        expires_at=expires_at,
        **_traces(text),
    )
    return key, text


def change(key: ApiKey, **fields: Any) -> None:
    """Change name, scopes or expiry, and nothing else: a rotation meanwhile stands.

    Raises ``NotFound`` when the key was revoked meanwhile.
    """
    if fields and not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(**fields):
        raise NotFound
    announce(REVOKED)
    for name, value in fields.items():
        setattr(key, name, value)


def rotate(key: ApiKey) -> str:
    """Give the key a new text, which is returned; the old one is refused at once.

    Raises ``Conflict`` when the key was rotated or revoked meanwhile.
    """
    text = secrets.new_key()
    traces = _traces(text)
    if not ApiKey.objects.filter(pk=key.pk, digest=key.digest, revoked_at=None).update(**traces):
        raise Conflict("This key was rotated or revoked by another request.")
    announce(REVOKED)
    key.prefix, key.digest = traces["prefix"], traces["digest"]
    return text


def revoke(key: ApiKey) -> None:
    """End the key. Its row stays: usage records name it."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    announce(REVOKED)


def revoke_all(*, user: User) -> None:
    """End every key of a user who leaves. The rows stay, without the names that he gave them."""
    ApiKey.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
    ApiKey.objects.filter(user=user).update(name="")
    announce(REVOKED)


def _traces(text: str) -> dict[str, Any]:
    return {"prefix": text[: secrets.SHOWN], "digest": secrets.digest(text)}
