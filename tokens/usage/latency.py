"""Latencies as counts in fixed buckets, which can be added up; pure.

A bucket holds whole milliseconds from its bound up to the next one. Up to 10 ms each has its own;
from there on a bucket ends at most a tenth above its beginning. What is read from the counts is
the bucket's middle, so a percentile is off by ``ERROR`` of itself at most. An hour and all that
takes longer share the last bucket, and read as an hour.
"""

from collections.abc import Sequence
from itertools import accumulate
from math import ceil, sqrt

ERROR = 0.05
_HOUR = 3_600_000


def _bounds() -> list[int]:
    bounds = [0]
    while bounds[-1] < _HOUR:
        bounds.append(min(_HOUR, max(bounds[-1] + 1, bounds[-1] * 11 // 10)))
    return bounds


BOUNDS = _bounds()
"""Where each bucket begins, in milliseconds. Stored counts depend on it: never change it."""


def percentile(counts: Sequence[int], share: float) -> int | None:
    """Return what that share of the requests did not exceed, in ms; None where there are none."""
    total = sum(counts)
    rank = max(1, ceil(total * share))
    reached = accumulate(counts)
    return next((_middle(number) for number, seen in enumerate(reached) if seen >= rank), None)


def _middle(number: int) -> int:
    """Return the geometric mean of the least and the most that a bucket holds."""
    if number == len(BOUNDS) - 1:
        return _HOUR
    return round(sqrt(BOUNDS[number] * (BOUNDS[number + 1] - 1)))
