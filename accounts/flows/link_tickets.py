"""One-time tickets that continue the linking of an account in a browser."""

import secrets
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.core.cache import cache

SECONDS = 600


@dataclass(frozen=True)
class Ticket:
    """The user to link for, and the session that asked. Valid while that session is active."""

    user_id: int
    session_id: str
    provider: str

    @property
    def session(self) -> UUID:
        return UUID(self.session_id)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def issue(ticket: Ticket) -> str:
    """Store the ticket for ten minutes; return the secret that redeems it, which is not stored."""
    text = secrets.token_urlsafe(32)
    cache.set(_key(text), ticket.as_data(), timeout=SECONDS)
    return text


def look_at(text: str) -> Ticket | None:
    """Return the ticket without using it up."""
    data = cache.get(_key(text))
    return Ticket(**data) if data else None


def redeem(text: str) -> Ticket | None:
    """Return the ticket once: only the caller that deletes it gets it."""
    ticket = look_at(text)
    return ticket if ticket and cache.delete(_key(text)) else None


def _key(text: str) -> str:
    return f"link:{sha256(text.encode()).hexdigest()}"
