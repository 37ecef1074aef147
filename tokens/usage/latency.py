"""Latencies as counts in fixed buckets, which can be added up. Pure.

A bucket contains the whole milliseconds from its bound up to the next one. Up to 10 ms, each has
its own bucket; above, a bucket ends at most a tenth above its beginning. A percentile is the middle
of its bucket, so its relative error is at most ``ERROR``. Latencies of an hour and more share the
last bucket, and are shown as an hour.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import ceil, sqrt
from typing import NamedTuple

ERROR = 0.05
_HOUR = 3_600_000


def _bounds() -> list[int]:
    bounds = [0]
    while bounds[-1] < _HOUR:
        bounds.append(min(_HOUR, max(bounds[-1] + 1, bounds[-1] * 11 // 10)))
    return bounds


BOUNDS = _bounds()
"""The beginning of each bucket in milliseconds. Stored counts depend on it: never change it."""


class Percentiles(NamedTuple):
    """Latencies in ms that half, 95 % and 99 % of the requests did not exceed; None without any."""

    p50: int | None
    p95: int | None
    p99: int | None


def percentiles(counts: Sequence[int]) -> Percentiles:
    return Percentiles(*(percentile(counts, share) for share in (0.5, 0.95, 0.99)))


def percentile(counts: Sequence[int], share: float) -> int | None:
    """Return the latency in ms that this share of the requests did not exceed; None without any."""
    total = sum(counts)
    rank = max(1, ceil(total * share))
    reached = accumulate(counts)
    return next((_middle(number) for number, seen in enumerate(reached) if seen >= rank), None)


def _middle(number: int) -> int:
    """Return the geometric mean of a bucket's smallest and largest value."""
    if number == len(BOUNDS) - 1:
        return _HOUR
    return round(sqrt(BOUNDS[number] * (BOUNDS[number + 1] - 1)))
