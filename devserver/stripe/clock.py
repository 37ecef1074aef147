"""The account's clock: the real time, until a test moves it forward."""

import time

HOUR = 3600
DAY = 24 * HOUR


class Clock:
    def __init__(self) -> None:
        self.offset = 0

    def now(self) -> int:
        return int(time.time()) + self.offset

    def move_to(self, moment: int) -> None:
        """Go forward to ``moment``, but never back."""
        self.offset += max(moment - self.now(), 0)
