"""The security log: failed sign-ins, and changes to how users sign in.

One line of the structured log for each event, from the logger `tokengate.security`, with the id of
the user and the client's IP address. It never contains an email address, password, code or key.
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
