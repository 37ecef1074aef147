"""Sessions of browsers in the database (SESSION_ENGINE), without what could be used from a copy.

A row has a digest of the cookie's value in place of the value itself, and its data are encrypted:
while a second factor is being set up, they hold its secret.
"""

import hashlib
from contextlib import suppress
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.utils import timezone

from core import encryption

PURPOSE = "accounts.sessions.browser_store"
# The width of the column. Django's own keys have 32 characters, so no digest passes for a key.
DIGEST_LENGTH = 40


def digest(key: str) -> str:
    """Return what the database has of a cookie's value."""
    return hashlib.sha256(key.encode()).hexdigest()[:DIGEST_LENGTH]


class SessionStore(db.SessionStore):
    """Django's, by digests. Its asynchronous methods run the synchronous ones in a thread."""

    def encode(self, session_dict: dict[str, Any]) -> str:
        return encryption.encrypt(super().encode(session_dict), purpose=PURPOSE)

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Return the data; {} for a row that SECRET_KEY and its fallbacks do not read."""
        text = str(session_data)
        with suppress(encryption.Unreadable):  # a former version's are signed only
            text = encryption.decrypt(text, purpose=PURPOSE)
        return super().decode(text)

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(session_key=digest(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        made = super().create_model_instance(data)
        made.session_key = digest(made.session_key)
        return made

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            Session.objects.filter(session_key=digest(key)).delete()

    def _get_session_from_db(self) -> Session | None:
        alive = Session.objects.filter(expire_date__gt=timezone.now())
        found = alive.filter(session_key=digest(self.session_key or "")).first()
        if found is None:
            self._session_key = None
        return found

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        return await sync_to_async(self.create_model_instance)(data)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)

    async def _aget_session_from_db(self) -> Session | None:
        return await sync_to_async(self._get_session_from_db)()
