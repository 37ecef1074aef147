"""How long an attempt at a provider may take until its answer begins."""

import asyncio

from django.conf import settings


class Deadline:
    """When an attempt is given up, on the event loop's clock: ``by``, and for what it ``missed``.

    At first for want of a first byte; once something was ``heard``, for want of the next one, or
    of any content.
    """

    def __init__(self) -> None:
        """Begin now."""
        self._time = asyncio.get_running_loop().time
        now = self._time()
        self.by = now + settings.UPSTREAM_FIRST_BYTE_TIMEOUT
        self.missed = "first_byte_timeout"
        self._content_by = now + settings.UPSTREAM_CONTENT_TIMEOUT

    def heard(self) -> None:
        """Note that something came, which may be no content yet."""
        idle_by = self._time() + settings.UPSTREAM_IDLE_TIMEOUT
        self.by = min(idle_by, self._content_by)
        self.missed = "idle_timeout" if idle_by < self._content_by else "content_timeout"

    @property
    def seconds_left(self) -> float:
        """Return how long may still be waited, at least 0."""
        return max(self.by - self._time(), 0.0)
