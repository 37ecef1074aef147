"""An event loop whose clock moves by its pauses only, which take no time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Impatient(selectors.DefaultSelector):
    """Lets the time pass for which it was to wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            self.now += timeout or 0.0
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Impatient()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def seconds_of(story: Coroutine[Any, Any, object]) -> float:
    """Return how long its pauses are together. It waits for no socket and no thread."""
    loop = _Loop()
    try:
        loop.run_until_complete(story)
        return loop.time()
    finally:
        loop.close()
