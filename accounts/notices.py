"""Email that notifies users of changes to the security of their account.

Celery sends it after the transaction is committed. If the broker is unavailable, the request sends
it. Each notice has an id, so a task that runs twice sends one message.
"""

from contextlib import suppress
from functools import partial
from uuid import uuid4

from django.core.cache import cache
from django.db import transaction
from redis.exceptions import RedisError

from accounts.models import User
from core import email
from core.queue import enqueue

_REMEMBERED = 86_400  # seconds in which Celery may run a task again


def tell(user: User, kind: str, **facts: str) -> None:
    """Send a notice once the running transaction is committed; ``facts`` fill its template."""
    send_later = partial(_send_or_enqueue, user.pk, kind, str(uuid4()), facts)
    transaction.on_commit(send_later, robust=True)


def send(user_id: int, kind: str, once: str, facts: dict[str, str]) -> None:
    """Write to the user, unless they have left or this notice was sent. Raises ``OSError``."""
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or not _is_first(once):
        return
    template, known = f"accounts/mail/{kind}", {"user": user, **facts}
    try:
        email.send(user.email, template, known, language=user.language)
    except OSError:
        with suppress(RedisError):
            cache.delete(_key(once))  # Celery tries again
        raise


def _send_or_enqueue(user_id: int, kind: str, once: str, facts: dict[str, str]) -> None:
    if not enqueue("accounts.tasks.send_notice", user_id, kind, once, facts):
        send(user_id, kind, once, facts)


def _is_first(once: str) -> bool:
    """Tell whether this notice has not been sent; while Redis is away, send it in any case."""
    try:
        return bool(cache.add(_key(once), True, timeout=_REMEMBERED))
    except RedisError:
        return True


def _key(once: str) -> str:
    return f"notice:{once}"


def say_goodbye(address: str, language: str) -> None:
    """Confirm to an address that its account was deleted. Raises ``OSError``."""
    email.send(address, "accounts/mail/account_deleted", {}, language=language)
