"""Rate limits of users and keys: requests and tokens per minute, and concurrent requests.

One round trip to Redis admits a request if it fits into every window and a slot is free. Otherwise
nothing is counted (``lua/limits.lua``). Another round trip releases the slot and replaces the
reserved tokens by the charged ones. The windows slide, so the limit holds for every period of a
minute, over all processes. Slots are leases, which are renewed while a request runs.

While Redis is unavailable, each process counts by itself, from zero. docs/limits.md describes the
consequences.
"""

import asyncio
import itertools
import math
import secrets
import time
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import redis
import structlog
from django.utils import timezone
from msgspec import Struct

from core import redis_servers
from core.instruments import of
from core.loops import PerLoop
from core.plain_settings import settings
from tokens import metrics
from tokens.errors import ConcurrencyLimited, LimitReached
from tokens.limits.cluster_link import link
from tokens.limits.redis_link import RedisUnavailable, Script, ScriptFailed
from tokens.limits.states import MOST_TOKENS, Limits, State
from tokens.limits.windows import LocalWindows

log = structlog.get_logger("tokengate.tokens")

_SCRIPT = Script((Path(__file__).parent / "lua" / "limits.lua").read_text())
# A request counts for a minute, and until the end of the time bucket in which it arrived.
_BUCKETS = 1200
_SLOTS = 3
_NAMES = {
    1: "requests_per_minute",
    2: "tokens_per_minute",
    _SLOTS: "concurrent_requests",
    4: "key_requests_per_minute",
}


class Slot(Struct, eq=False):
    """A slot for one of the user's concurrent requests. The caller must ``release`` it."""

    id: str
    user_id: int
    counted: int
    headers: Mapping[str, str] = {}
    bucket: int = 0
    # Whether it is recorded in Redis, or only in this process.
    shared: bool = False
    released: asyncio.Future[Any] | None = None

    def release(self, *, charged: int) -> asyncio.Future[Any]:
        """Release the slot and count the charge. Only the first call has an effect.

        The returned task need not be awaited.
        """
        if self.released is None:
            self.released = _limiter().release(self, charged)
        return self.released


def admit(
    *, user_id: int, api_key: UUID | None, limits: Limits, tokens: int
) -> Coroutine[Any, Any, Slot]:
    """Count a request that may use that many tokens, and take a slot for it.

    A request with more tokens than the limit counts as the whole limit. Raises ``LimitReached`` or
    ``ConcurrencyLimited``; nothing is counted then.
    """
    return _limiter().admit(user_id, api_key, limits, tokens)


async def connect() -> None:
    """Connect to Redis before the first request. It is no error if Redis is unavailable."""
    await _limiter().connect()


async def renew() -> None:
    """Renew the slots of this event loop's running requests."""
    await _limiter().renew()


async def aclose() -> None:
    """Finish the running releases of this event loop, and close its connection."""
    limiter = _limiter.pop()
    if limiter:
        await limiter.aclose()


def peek(*, user_id: int, api_key: UUID | None, limits: Limits) -> State:
    """Return the remaining limits without counting anything. Synchronous.

    While Redis is unavailable, the result is what this process would still admit.
    """
    keys, words = _keys(user_id, api_key, limits), ("peek", *_times(), *limits.as_numbers)
    try:
        client = _client(settings.REDIS_URL, settings.LIMITS_REDIS_TIMEOUT)
        return State(*map(int, client.eval(_SCRIPT.text, len(keys), *keys, orjson.dumps(words))))
    except redis.RedisError:
        running = len(_running[user_id]) if user_id in _running else 0
        now = time.monotonic()
        return _local().peek(_of_user(user_id), _of_key(user_id, api_key), limits, running, now=now)


# The counts of this process while Redis is unavailable, and the slots that it has assigned. The
# slots are always kept, because their leases are renewed.
_running: defaultdict[int, dict[str, Slot]] = defaultdict(dict)
_process = f"s{secrets.token_hex(6)}"
_numbers = itertools.count()


@cache
def _local() -> LocalWindows:
    return LocalWindows(settings.LIMITS_WINDOW)


@cache
def _client(url: str, timeout: float) -> Any:
    return redis_servers.client(url, timeout=timeout)


def _times() -> tuple[int, int]:
    span = round(settings.LIMITS_WINDOW * 1000)
    return span, max(span // _BUCKETS, 1)


def _of_user(user_id: int) -> str:
    return f"window:{{{user_id}}}"


def _of_key(user_id: int, api_key: UUID | None) -> str:
    return f"window:{{{user_id}}}:key:{api_key}"


def _keys(user_id: int, api_key: UUID | None, limits: Limits) -> tuple[str, ...]:
    if limits.key_requests_per_minute is None:
        return (_of_user(user_id),)
    return (_of_user(user_id), _of_key(user_id, api_key))


class _Limiter:
    """The limits of one event loop."""

    def __init__(self) -> None:
        self._redis = link(settings.REDIS_URL, timeout=settings.LIMITS_REDIS_TIMEOUT)
        self._times = _times()
        self._lease = settings.RESERVATION_TTL
        self._lease_ms = round(self._lease * 1000)
        self._releasing: set[asyncio.Future[Any]] = set()

    async def connect(self) -> None:
        try:
            await self._redis.connect()
        except RedisUnavailable:
            log.warning("limits_are_counted_locally")

    async def admit(self, user_id: int, api_key: UUID | None, limits: Limits, tokens: int) -> Slot:
        cost = min(tokens, limits.tokens_per_minute, MOST_TOKENS)
        slot = Slot(f"{_process}{next(_numbers):x}", user_id, cost)
        try:
            state = await self._ask(slot, api_key, limits)
        except asyncio.CancelledError:  # It may still be admitted.
            slot.shared = True
            slot.release(charged=cost)
            raise
        slot.headers = limits.headers(state)
        if state.refused:
            raise _refusal(state, slot.headers)
        _running[user_id][slot.id] = slot
        return slot

    async def _ask(self, slot: Slot, api_key: UUID | None, limits: Limits) -> State:
        keys = _keys(slot.user_id, api_key, limits)
        wanted = (slot.counted, slot.id, self._lease_ms)
        arguments = ("admit", *self._times, *limits.as_numbers, *wanted)
        try:
            state = State(*await self._redis.run(_SCRIPT, keys, arguments))
        except RedisUnavailable as away:
            # The script may have run, although the answer did not arrive in time.
            slot.shared = away.__cause__ is not None
            user, key = _of_user(slot.user_id), _of_key(slot.user_id, api_key)
            running, now = len(_running.get(slot.user_id, ())), time.monotonic()
            return _local().admit(user, key, limits, running, cost=slot.counted, now=now)
        slot.shared, slot.bucket = True, state.bucket
        return state

    def release(self, slot: Slot, charged: int) -> asyncio.Future[Any]:
        slots = _running.get(slot.user_id, {})
        slots.pop(slot.id, None)
        if not slots:
            _running.pop(slot.user_id, None)
        if not slot.shared:
            done = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done
        keys, difference = (_of_user(slot.user_id),), min(charged, MOST_TOKENS) - slot.counted
        arguments = ("release", slot.id, slot.bucket, difference)
        return self._watched(self._redis.send(_SCRIPT, keys, arguments), keys, arguments)

    def _watched(
        self, sent: asyncio.Future[Any] | None, keys: Sequence[str], arguments: Sequence[Any]
    ) -> asyncio.Future[Any]:
        """Repeat a release in the background until Redis has received it."""

        def ended(one: asyncio.Future[Any]) -> None:
            self._releasing.discard(one)
            if one is sent and not one.cancelled() and one.exception():
                self._watched(None, keys, arguments)

        releasing = sent or asyncio.create_task(self._keep_telling(keys, arguments))
        self._releasing.add(releasing)
        releasing.add_done_callback(ended)
        return releasing

    async def _keep_telling(self, keys: Sequence[str], arguments: Sequence[Any]) -> None:
        """Retry until Redis is available, or until the lease would have expired."""
        deadline = time.monotonic() + self._lease
        while time.monotonic() < deadline:
            try:
                await self._redis.run(_SCRIPT, keys, arguments)
                return
            except ScriptFailed:
                return  # Each time it is sent.
            except RedisUnavailable:
                await asyncio.sleep(1)

    async def renew(self) -> None:
        for user_id, slots in list(_running.items()):
            arguments = ("renew", *self._times, self._lease_ms, *slots)
            for slot in slots.values():  # Also slots that were assigned while it was unavailable.
                slot.shared = True
            try:
                await self._redis.run(_SCRIPT, (_of_user(user_id),), arguments)
            except ScriptFailed:
                continue
            except RedisUnavailable:
                return

    async def aclose(self) -> None:
        if self._releasing:
            await asyncio.wait(self._releasing, timeout=1)
        for releasing in self._releasing:
            releasing.cancel()
        self._redis.close()


_limiter = PerLoop(_Limiter)


def _refusal(state: State, headers: Mapping[str, str]) -> LimitReached:
    of(metrics.LIMITS_HIT, _NAMES[state.refused]).inc()
    kind = ConcurrencyLimited if state.refused == _SLOTS else LimitReached
    return kind(
        limit=_NAMES[state.refused],
        retry_after=max(math.ceil(state.wait / 1000), 1),
        resets_at=timezone.now() + timedelta(milliseconds=state.wait),
        headers=headers,
    )
