"""The security log: sign-ins, failed ones, and changes to how users sign in.

Each event is one line of the structured log, from the logger `tokengate.security`, with the id of
the user and the client's IP address. It is also a row that the user and staff can read, with the
network of the address only, for SECURITY_EVENT_DAYS. Neither ever contains an email address,
password, code or key. The row is written in the running transaction: what is undone leaves none.
"""

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from accounts.device_names import device_name
from accounts.models import SecurityEvent, User
from core.http.client import client_address, current_client

log = structlog.get_logger("tokengate.security")

_LONGEST = 200


def note(
    event: str,
    *,
    user_id: int | None,
    request: HttpRequest | None = None,
    detail: str = "",
    **facts: Any,
) -> None:
    """Write one event; ``user_id`` None says that there is no such account.

    ``detail`` is what it was about, such as the name of a device. It is stored, and not logged:
    names are the user's own words.
    """
    address = client_address(request) if request is not None else None
    log.info(event, user_id=user_id, address=address, **facts)
    if user_id is None:
        return
    client = current_client()
    said = detail or " ".join(str(facts[name]) for name in ("kind", "provider", "origin")
                              if facts.get(name))  # fmt: skip
    SecurityEvent.objects.create(
        user_id=user_id,
        event=event,
        detail=said[:_LONGEST],
        network=client.network,
        agent=device_name(given="", user_agent=client.agent),
    )


def forget(user: User) -> None:
    """Delete the events of a user who leaves; the deletion itself is noted afterwards."""
    SecurityEvent.objects.filter(user=user).delete()


def forget_old() -> int:
    """Delete the events older than SECURITY_EVENT_DAYS; returns how many."""
    before = timezone.now() - timedelta(days=settings.SECURITY_EVENT_DAYS)
    return SecurityEvent.objects.filter(created_at__lt=before).delete()[0]
