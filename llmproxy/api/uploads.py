"""A limit on the request bodies of a user that are read at once.

The plan's limits count a request only after its body was read, because its tokens are not known
before that.
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
