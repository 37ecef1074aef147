"""The time limit for an attempt at a provider until its answer begins."""

import asyncio

from core.plain_settings import settings


class Deadline:
    """When an attempt times out, on the event loop's clock (``by``), and what it ``missed``.

    At first it waits for the first byte. After bytes were received (``heard``), it waits for the
    next ones and for content.
    """

    def __init__(self) -> None:
        """Start the limit now."""
        self._time = asyncio.get_running_loop().time
        now = self._time()
        self.by = now + settings.UPSTREAM_FIRST_BYTE_TIMEOUT
        self.missed = "first_byte_timeout"
        self._content_by = now + settings.UPSTREAM_CONTENT_TIMEOUT

    def heard(self) -> None:
        """Record that bytes arrived, with or without content."""
        idle_by = self._time() + settings.UPSTREAM_IDLE_TIMEOUT
        self.by = min(idle_by, self._content_by)
        self.missed = "idle_timeout" if idle_by < self._content_by else "content_timeout"

    @property
    def seconds_left(self) -> float:
        """Return the remaining seconds, at least 0."""
        return max(self.by - self._time(), 0.0)
