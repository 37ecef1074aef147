"""A cache of callers, so that most requests need no database query to authenticate.

The database announces every change of a caller (sql/callers.sql), which removes them from the
cache at once. While this worker cannot rely on announcements, entries expire within a second.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.utils import timezone

from core.database import Listener, in_thread

T = TypeVar("T")

# Whether it is a key or a session's token, and its text.
Credential = tuple[bool, str]

REMEMBER_SECONDS = 60.0
_MOST_REMEMBERED = 50_000


@dataclass(frozen=True)
class Found(Generic[T]):
    """The result of looking up a user, and when their credential expires, if ever."""

    caller: T
    user_id: int
    until: datetime | None


class _Entry:
    """A lookup that is running or done. Concurrent callers share it."""

    def __init__(self, looking: asyncio.Task[Found[Any]]) -> None:
        self.began = time.monotonic()
        self.looking = looking

    def is_good(self) -> bool:
        """Return whether a request that arrives now may use the result, present or pending."""
        lifetime = REMEMBER_SECONDS if _listener.is_sure else Listener.SURE_SECONDS
        if time.monotonic() - self.began >= lifetime or not self.holds():
            return False
        until = self.looking.result().until if self.looking.done() else None
        return until is None or until > timezone.now()

    def holds(self) -> bool:
        """Return whether no change has been announced since the lookup began."""
        if self.began <= _forgotten.everybody:
            return False
        if not self.looking.done():
            return True
        if self.looking.cancelled() or self.looking.exception():
            return False
        return self.began > _forgotten.users.get(self.looking.result().user_id, 0.0)


@dataclass
class _Forgotten:
    """When a user, or every user, last had to be looked up again, in ``time.monotonic`` seconds."""

    everybody: float = 0.0
    users: dict[int, float] = field(default_factory=dict)


_known: dict[Credential, _Entry] = {}
_forgotten = _Forgotten()


async def remembered(credential: Credential, look_up: Callable[[Credential], Found[T]]) -> T:
    """Return the cached result of ``look_up``, or run it (it is synchronous) in a thread."""
    entry = _known.get(credential)
    if entry is not None and entry.looking.done() and entry.is_good():
        known: Found[T] = entry.looking.result()
        return known.caller
    while True:
        entry = _known.get(credential)
        if entry is None or not entry.is_good():
            entry = _remember(credential, look_up)
        if not entry.looking.done():
            await asyncio.wait([entry.looking])
        try:
            found: Found[T] = entry.looking.result()
        except BaseException:
            if _known.get(credential) is entry:  # Failures are not cached.
                del _known[credential]
            raise
        if entry.holds():  # However long it took: else waiting requests never end.
            return found.caller


def _remember(credential: Credential, look_up: Callable[[Credential], Found[Any]]) -> _Entry:
    _known.pop(credential, None)
    if len(_known) >= _MOST_REMEMBERED:
        del _known[next(iter(_known))]  # the oldest
    entry = _known[credential] = _Entry(asyncio.create_task(in_thread(look_up, credential)))
    return entry


def _forget(user_id: str | None) -> None:
    """Remove a user, or every user, from the cache."""
    if not user_id or len(_forgotten.users) >= _MOST_REMEMBERED:
        _forgotten.everybody = time.monotonic()
        _forgotten.users.clear()
    if user_id:
        _forgotten.users[int(user_id)] = time.monotonic()


_listener = Listener("llmproxy_callers", _forget)
listen_for_ever = _listener.listen_for_ever
