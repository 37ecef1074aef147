"""What is remembered of callers, so that most requests ask the database nothing about them.

The database announces whatever changes a caller (sql/callers.sql): they are forgotten at once.
While this worker cannot be sure to hear that, it remembers nobody for longer than a moment.
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

# Is it a key or a session's token, and its text.
Credential = tuple[bool, str]

REMEMBER_SECONDS = 60.0
_MOST_REMEMBERED = 50_000


@dataclass(frozen=True)
class Found(Generic[T]):
    """What a look-up found of a user, and when their credential ends by itself, if ever."""

    caller: T
    user_id: int
    until: datetime | None


class _Entry:
    """A look-up, under way or done. All who ask meanwhile share it."""

    def __init__(self, looking: asyncio.Task[Found[Any]]) -> None:
        self.began = time.monotonic()
        self.looking = looking

    def is_good(self) -> bool:
        """Tell whether somebody who asks now may have what was found, or will be."""
        lifetime = REMEMBER_SECONDS if _listener.is_sure else Listener.SURE_SECONDS
        return time.monotonic() - self.began < lifetime and self.holds() and not self._has_ended()

    def holds(self) -> bool:
        """Tell whether nobody has said that it has changed since it was begun."""
        if self.began <= _forgotten.everybody:
            return False
        if not self.looking.done():
            return True
        if self.looking.cancelled() or self.looking.exception():
            return False
        return self.began > _forgotten.users.get(self.looking.result().user_id, 0.0)

    def _has_ended(self) -> bool:
        if not self.looking.done():
            return False
        until = self.looking.result().until
        return until is not None and until <= timezone.now()


@dataclass
class _Forgotten:
    """When somebody, or everybody, had to be looked up anew; as ``time.monotonic`` tells it."""

    everybody: float = 0.0
    users: dict[int, float] = field(default_factory=dict)


_known: dict[Credential, _Entry] = {}
_forgotten = _Forgotten()


async def remembered(credential: Credential, look_up: Callable[[Credential], Found[T]]) -> T:
    """Return what ``look_up`` (synchronous, run in a thread) finds, or found a while ago."""
    while True:
        entry = _known.get(credential)
        if entry is None or not entry.is_good():
            entry = _remember(credential, look_up)
        if not entry.looking.done():
            await asyncio.wait([entry.looking])
        try:
            found: Found[T] = entry.looking.result()
        except BaseException:
            if _known.get(credential) is entry:  # Only good news is remembered.
                del _known[credential]
            raise
        if entry.holds():  # However long it took: those who queue would never be served.
            return found.caller


def _remember(credential: Credential, look_up: Callable[[Credential], Found[Any]]) -> _Entry:
    _known.pop(credential, None)
    if len(_known) >= _MOST_REMEMBERED:
        del _known[next(iter(_known))]  # the oldest
    entry = _known[credential] = _Entry(asyncio.create_task(in_thread(look_up, credential)))
    return entry


def _forget(user_id: str | None) -> None:
    """Have a user looked up anew, or everybody."""
    if not user_id or len(_forgotten.users) >= _MOST_REMEMBERED:
        _forgotten.everybody = time.monotonic()
        _forgotten.users.clear()
    if user_id:
        _forgotten.users[int(user_id)] = time.monotonic()


_listener = Listener("llmproxy_callers", _forget)
listen_for_ever = _listener.listen_for_ever
