"""Waiting for what other processes do, without sleeping for luck."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], bool], *, seconds: float = 120.0) -> None:
    """Return as soon as it holds; fail when it does not come about in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
