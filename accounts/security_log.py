"""The security log: sign-ins that failed, and changes of how an account is signed in to.

One line of the structured log for each, of the logger `tokengate.security`, with the id of the
user and the client's address. It never holds an email address, a password, a code or a key.
"""

from typing import Any

import structlog
from django.http import HttpRequest

from core.http.client import client_address

log = structlog.get_logger("tokengate.security")


def note(
    event: str, *, user_id: int | None, request: HttpRequest | None = None, **facts: Any
) -> None:
    """Write one event; ``user_id`` None says that there is no such account."""
    address = client_address(request) if request is not None else None
    log.info(event, user_id=user_id, address=address, **facts)
