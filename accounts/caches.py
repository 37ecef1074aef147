"""A cache for counting that works without Redis, if it must."""

from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django_redis.cache import RedisCache  # type: ignore[import-untyped]
from redis.exceptions import RedisError


class CountingCache(RedisCache):  # type: ignore[misc]
    """Redis; while it is away, a bounded memory of this process: limits hold, if less sharply."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._local = LocMemCache("counts", {"OPTIONS": {"MAX_ENTRIES": 10_000}})

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT) -> bool:
        try:
            return bool(super().add(key, value, timeout))
        except RedisError:
            return self._local.add(key, value, timeout)

    def incr(self, key: str) -> int:
        try:
            return int(super().incr(key))
        except RedisError:
            self._local.add(key, 0)
            return self._local.incr(key)
