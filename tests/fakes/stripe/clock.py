"""The time of the account: the real one, until a test moves it forward."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

HOUR = 3600
DAY = 24 * HOUR


class Clock:
    def __init__(self) -> None:
        self.offset = 0
        self._standing: int | None = None

    def now(self) -> int:
        if self._standing is not None:
            return self._standing
        return int(time.time()) + self.offset

    @contextmanager
    def standing(self, moment: int) -> Iterator[None]:
        """Let it be ``moment`` inside: what was due then happens then."""
        before, self._standing = self._standing, moment
        try:
            yield
        finally:
            self._standing = before

    def move_to(self, moment: int) -> None:
        """Go forward to ``moment``; time never runs back."""
        self.offset += max(moment - self.now(), 0)
