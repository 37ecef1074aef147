"""Counts of the requests that a limit or an empty balance refused, by user and code, in memory.

A refusal costs one addition. A task of the process takes the counts now and then, and stores them
(``tokens.usage.refusals``): a client that repeats refused requests without a pause causes no write
for each. What a killed process has counted since then is lost.
"""

from collections import Counter
from threading import Lock

STATUSES = (402, 429)
_MOST = 10_000
"""Users and codes that are counted between two writes; others are left out."""

_counts: Counter[tuple[int, str]] = Counter()
_lock = Lock()  # the standard handler's views run in threads


def note(user_id: int | None, code: str, *, times: int = 1) -> None:
    """Count a refusal of a signed-in user; those of strangers are nobody's."""
    if user_id is None:
        return
    with _lock:
        if (user_id, code) in _counts or len(_counts) < _MOST:
            _counts[user_id, code] += times


def take() -> dict[tuple[int, str], int]:
    """Return the counts since the last call, and begin anew."""
    with _lock:
        taken = dict(_counts)
        _counts.clear()
    return taken
