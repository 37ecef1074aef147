"""How many bodies of a user are read at once, before anything is known of them but who sends them.

The limits of a plan count a request when its tokens are known, which is when its body was read.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.utils import timezone

from tokens.errors import ConcurrencyLimited

_reading: defaultdict[int, int] = defaultdict(int)


@contextmanager
def of(user_id: int, *, at_most: int) -> Iterator[None]:
    """Count one body of a user while it is read. Raises ``ConcurrencyLimited``."""
    if _reading[user_id] >= at_most:
        raise ConcurrencyLimited(
            limit="concurrent_requests",
            retry_after=1,
            resets_at=timezone.now() + timedelta(seconds=1),
            headers={},
        )
    _reading[user_id] += 1
    try:
        yield
    finally:
        _reading[user_id] -= 1
        if not _reading[user_id]:
            del _reading[user_id]
