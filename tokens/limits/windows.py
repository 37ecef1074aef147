"""Windows in this process's memory, for the limits while Redis is unavailable. Pure.

The rules are those of ``lua/limits.lua``, with coarser time buckets and bounded memory.
"""

import math
from collections import deque
from dataclasses import dataclass, field

from tokens.limits.states import Limits, State

_BUCKETS = 60
_MOST_SUBJECTS = 10_000


@dataclass
class _Window:
    # [end of the bucket, requests, tokens], oldest first
    buckets: deque[list[float]] = field(default_factory=deque)

    def total(self, kind: int) -> int:
        return int(sum(bucket[kind] for bucket in self.buckets))


class LocalWindows:
    """Counts like the script for one process. ``span`` in seconds; ``now`` from any clock."""

    def __init__(self, span: float) -> None:
        self._span = span
        self._size = span / _BUCKETS
        self._windows: dict[str, _Window] = {}

    def peek(self, user: str, key: str, limits: Limits, running: int, *, now: float) -> State:
        """Return the remaining limits."""
        return self._state(self._open(user, now), self._open(key, now), limits, running, now)

    def admit(
        self,
        user: str,
        key: str,
        limits: Limits,
        running: int,
        *,
        cost: int,
        now: float,
    ) -> State:
        """Count a request that uses ``cost`` tokens, or return which limit refuses it."""
        requests, tokens, slots, of_key = limits.as_numbers
        windows = self._open(user, now), self._open(key, now)
        waits = [
            (self._wait(windows[0], 1, 1, requests, now), 1),
            (self._wait(windows[0], 2, cost, tokens, now), 2),
            (self._wait(windows[1], 1, 1, of_key, now) if of_key >= 0 else 0, 4),
        ]
        wait, refused = max(waits)
        if not wait and running >= slots:
            wait, refused = 1000, 3
        if wait:
            return self._state(*windows, limits, running, now)._replace(refused=refused, wait=wait)
        self._count(windows[0], cost, now)
        self._count(windows[1], 0, now)
        return self._state(*windows, limits, running + 1, now)

    def _open(self, subject: str, now: float) -> _Window:
        window = self._windows.pop(subject, None) or _Window()
        while window.buckets and window.buckets[0][0] + self._span <= now:
            window.buckets.popleft()
        while len(self._windows) >= _MOST_SUBJECTS:  # The least recently seen.
            del self._windows[next(iter(self._windows))]
        self._windows[subject] = window
        return window

    def _count(self, window: _Window, cost: int, now: float) -> None:
        end = (math.floor(now / self._size) + 1) * self._size
        if not window.buckets or window.buckets[-1][0] < end:
            window.buckets.append([end, 0, 0])
        window.buckets[-1][1] += 1
        window.buckets[-1][2] += cost

    def _wait(self, window: _Window, kind: int, more: int, limit: int, now: float) -> int:
        """Return the milliseconds until ``more`` fits into the limit; 0 if it fits now."""
        excess = window.total(kind) + more - limit
        if excess <= 0 and limit > 0:
            return 0
        for bucket in window.buckets if limit > 0 else ():
            excess -= int(bucket[kind])
            if excess <= 0:
                return self._leaves(bucket, now)
        return round(self._span * 1000)

    def _leaves(self, bucket: list[float], now: float) -> int:
        return math.ceil((bucket[0] + self._span - now) * 1000)

    def _state(
        self,
        user: _Window,
        key: _Window,
        limits: Limits,
        running: int,
        now: float,
    ) -> State:
        requests, tokens, slots, of_key = limits.as_numbers
        reset = self._leaves(user.buckets[-1], now) if user.buckets else 0
        key_reset = self._leaves(key.buckets[-1], now) if key.buckets else 0
        return State(
            refused=0,
            wait=0,
            bucket=0,
            requests_left=max(requests - user.total(1), 0),
            requests_reset=reset,
            tokens_left=max(tokens - user.total(2), 0),
            tokens_reset=reset if user.total(2) else 0,
            slots_left=max(slots - running, 0),
            key_left=max(of_key - key.total(1), 0) if of_key >= 0 else -1,
            key_reset=key_reset if of_key >= 0 else 0,
        )
