"""A cache for counters that keeps counting locally while Redis is unavailable.

After a timeout or a refused connection, Redis is not tried again for a second.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django_redis.cache import RedisCache  # type: ignore[import-untyped]
from redis.exceptions import RedisError

from core.database import give_back

T = TypeVar("T")

_AWAY_SECONDS = 1.0


class _Unavailable:
    """Until when Redis is taken to be away; Django gives each thread a cache of its own."""

    until = 0.0


_away = _Unavailable()


class CountingCache(RedisCache):  # type: ignore[misc]
    """Redis; while it is away, a bounded memory of this process: limits hold, if less sharply."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._local = LocMemCache("counts", {"OPTIONS": {"MAX_ENTRIES": 10_000}})

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT) -> bool:
        asking = partial(super().add, key, value, timeout)
        return bool(_ask(asking, or_else=partial(self._local.add, key, value, timeout)))

    def incr(self, key: str) -> int:
        return int(_ask(partial(super().incr, key), or_else=partial(self._count_locally, key)))

    def _count_locally(self, key: str) -> int:
        self._local.add(key, 0)
        return self._local.incr(key)


def _ask(asking: Callable[[], T], *, or_else: Callable[[], T]) -> T:
    if time.monotonic() < _away.until:
        return or_else()
    give_back()
    try:
        return asking()
    except RedisError:
        _away.until = time.monotonic() + _AWAY_SECONDS
        return or_else()
