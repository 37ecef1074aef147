"""The clock of the limits in the hand of a test: Redis's own, and that of this process."""

from types import SimpleNamespace

import pytest

from tokens.limits import admission
from tokens.limits.redis_link import Script

_ASKS_REDIS = "call('TIME')"


class LimitsClock:
    """Stands still until it is advanced. ``ms`` is its time in milliseconds."""

    def __init__(self, patch: pytest.MonkeyPatch, *, ms: int = 1_800_000_000_000) -> None:
        self.ms = ms
        self._patch = patch
        self._text = admission._SCRIPT.text
        assert self._text.count(_ASKS_REDIS) == 1
        patch.setattr(admission, "time", SimpleNamespace(monotonic=lambda: self.ms / 1000))
        self.advance(0)

    def advance(self, ms: int) -> None:
        """Let that many milliseconds pass."""
        self.ms += ms
        seconds, rest = divmod(self.ms, 1000)
        text = self._text.replace(_ASKS_REDIS, f"{{{seconds}, {rest * 1000}}}")
        self._patch.setattr(admission, "_SCRIPT", Script(text))
