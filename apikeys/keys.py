"""Creating, rotating and revoking API keys: the only module that writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import security_log
from accounts.errors import TokenRevoked
from accounts.models import User
from apikeys import secrets
from apikeys.errors import TooManyKeys
from apikeys.models import ApiKey, default_scopes
from core.errors import Conflict, NotFound
from tokens.ledger import open_account
from tokens.usage import queries


@transaction.atomic
def create(
    *, user: User, name: str, scopes: Sequence[str] | None = None, **fields: Any
) -> tuple[ApiKey, str]:
    """Create a key. Also returns the key's text, which is not stored.

    ``fields`` are the other columns that its owner may set. Raises ``TooManyKeys`` when their plan
    allows no more, ``TokenRevoked`` when they were signed out everywhere meanwhile. The lock on
    their row makes requests at the same time count each other.
    """
    unchanged = User.objects.select_for_update(no_key=True).filter(pk=user.pk, epoch=user.epoch)
    if not unchanged.first():
        raise TokenRevoked  # what ends every session meanwhile ends what it was about to make
    _require_room(user)
    text = secrets.new_key()
    scopes = list(scopes or default_scopes())
    key = ApiKey.objects.create(user=user, name=name, scopes=scopes, **fields, **_secret(text))
    security_log.note("key_created", user_id=user.pk, detail=name)
    return key, text


def active(user: User) -> QuerySet[ApiKey]:
    """Return the user's keys that are neither revoked nor expired, the newest first."""
    good = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return user.api_keys.filter(good, revoked_at=None).order_by("-created_at")


def usage_this_month(user: User) -> dict[str, queries.Sums]:
    """Return what each of the user's keys has used in this calendar month (UTC), by its id."""
    now = timezone.now().astimezone(UTC)
    month = queries.Filter(since=datetime(now.year, now.month, 1, tzinfo=UTC))
    return {str(sums.group): sums for sums in queries.sums(user.pk, month, "key")}


@transaction.atomic
def change(key: ApiKey, **fields: Any) -> None:
    """Update only the owner's settings, so that a concurrent rotation is not overwritten.

    Raises ``NotFound`` when the key was revoked meanwhile, ``TooManyKeys`` when it has expired, and
    the owner's plan has no room for one more that does not.
    """
    if "expires_at" in fields:
        owner = User.objects.select_for_update(no_key=True).get(pk=key.user_id)
        if not active(owner).filter(pk=key.pk).exists():
            _require_room(owner)
    if fields and not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(**fields):
        raise NotFound
    for name, value in fields.items():
        setattr(key, name, value)


@transaction.atomic
def rotate(key: ApiKey, *, overlap: timedelta = timedelta()) -> str:
    """Replace the key's text and return the new one; the old one is valid for ``overlap`` more.

    The one before that is refused at once. Raises ``Conflict`` when the key was rotated or
    revoked meanwhile.
    """
    text = secrets.new_key()
    changes = {**_secret(text), **_overlap(key, overlap)}
    if not ApiKey.objects.filter(pk=key.pk, digest=key.digest, revoked_at=None).update(**changes):
        raise Conflict("This key was rotated or revoked by another request.")
    security_log.note("key_rotated", user_id=key.user_id, detail=key.name)
    for name, value in changes.items():
        setattr(key, name, value)
    return text


@transaction.atomic
def revoke(key: ApiKey) -> None:
    """Revoke the key. Its row remains, because usage records refer to it."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        security_log.note("key_revoked", user_id=key.user_id, detail=key.name)


def revoke_all(*, user: User) -> None:
    """Revoke every key of a deleted user. The rows remain, without their names."""
    ApiKey.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
    ApiKey.objects.filter(user=user).update(name="")


def _require_room(user: User) -> None:
    """Raise ``TooManyKeys`` unless the plan allows one more; the caller holds the user's row."""
    limit = open_account(user.pk).tier.api_keys
    if active(user).count() >= limit:
        raise TooManyKeys(limit=limit)


class _Secret(TypedDict):
    """The columns of a key's secret: what is shown of it, and its digest."""

    prefix: str
    digest: str


class _Overlap(TypedDict):
    """The columns of the secret before, for as long as it is valid."""

    previous_digest: str | None
    previous_until: datetime | None


def _overlap(key: ApiKey, overlap: timedelta) -> _Overlap:
    if not overlap:
        return {"previous_digest": None, "previous_until": None}
    return {"previous_digest": key.digest, "previous_until": timezone.now() + overlap}


def _secret(text: str) -> _Secret:
    return {"prefix": text[: secrets.SHOWN], "digest": secrets.digest(text)}
