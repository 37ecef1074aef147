"""Requests, tokens and concurrent requests: how much of them a user and a key may have at once.

One round trip to Redis admits a request: it fits into every window and finds a free slot, or
nothing of it is counted (``lua/limits.lua``). Another gives the slot back and corrects the tokens
from what was held to what was charged. Windows slide: at no moment have more than the limit been
admitted in the last minute, over all processes. Slots are leases, renewed while a request runs.

While Redis is away each process counts for itself, from nothing; docs/limits.md says what follows.
"""

import asyncio
import itertools
import math
import secrets
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.utils import timezone

from core.instruments import of
from core.loops import PerLoop
from tokens import metrics
from tokens.errors import ConcurrencyLimited, LimitReached
from tokens.limits.redis_link import RedisAway, RedisLink, Script, ScriptFailed
from tokens.limits.states import MOST_TOKENS, Limits, State
from tokens.limits.windows import LocalWindows

log = structlog.get_logger("tokengate.tokens")

_SCRIPT = Script((Path(__file__).parent / "lua" / "limits.lua").read_text())
# A request counts for a minute, and until the bucket of time that it came in is over.
_BUCKETS = 1200
_SLOTS = 3
_NAMES = {
    1: "requests_per_minute",
    2: "tokens_per_minute",
    _SLOTS: "concurrent_requests",
    4: "key_requests_per_minute",
}


@dataclass(eq=False)
class Slot:
    """A request's place among those of its user that run. Whoever has one must ``release`` it."""

    id: str
    user_id: int
    counted: int
    headers: Mapping[str, str] = field(default_factory=dict)
    bucket: int = 0
    # Whether Redis knows of it, or this process alone.
    shared: bool = False
    released: asyncio.Future[Any] | None = field(default=None, repr=False)

    def release(self, *, charged: int) -> asyncio.Future[Any]:
        """Give the slot back and count what was charged; only the first call does.

        What is returned need not be waited for: it goes on by itself.
        """
        if self.released is None:
            self.released = _limiter().release(self, charged)
        return self.released


async def admit(*, user_id: int, api_key: UUID | None, limits: Limits, tokens: int) -> Slot:
    """Count a request that may use that many tokens, and take a slot for it.

    A request beyond a whole minute's tokens counts as just those. Raises ``LimitReached`` or
    ``ConcurrencyLimited``, having counted nothing.
    """
    return await _limiter().admit(user_id, api_key, limits, tokens)


async def connect() -> None:
    """Connect to Redis before the first request comes; that it is away is no error."""
    await _limiter().connect()


async def renew() -> None:
    """Renew the slots of this event loop's running requests."""
    await _limiter().renew()


async def aclose() -> None:
    """Give back what is under way on this event loop, and close its connection."""
    limiter = _limiter.pop()
    if limiter:
        await limiter.aclose()


def peek(*, user_id: int, api_key: UUID | None, limits: Limits) -> State:
    """Tell what is left now, without counting anything. Synchronous.

    While Redis is away it tells what this process would still admit.
    """
    keys, words = _keys(user_id, api_key, limits), ("peek", *_times(), *limits.as_numbers)
    try:
        client = _client(settings.REDIS_URL, settings.LIMITS_REDIS_TIMEOUT)
        return State(*map(int, client.eval(_SCRIPT.text, len(keys), *keys, *words)))
    except redis.RedisError:
        running = len(_running[user_id]) if user_id in _running else 0
        now = time.monotonic()
        return _local().peek(_of_user(user_id), _of_key(user_id, api_key), limits, running, now=now)


# What this process counts while Redis is away, and the slots that it has given out. The slots
# are kept at all times: their leases are renewed.
_running: defaultdict[int, dict[str, Slot]] = defaultdict(dict)
_process = f"s{secrets.token_hex(6)}"
_numbers = itertools.count()


@cache
def _local() -> LocalWindows:
    return LocalWindows(settings.LIMITS_WINDOW)


@cache
def _client(url: str, timeout: float) -> Any:
    return redis.Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout)


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
    """The limits as one event loop sees them."""

    def __init__(self) -> None:
        self._redis = RedisLink(settings.REDIS_URL, timeout=settings.LIMITS_REDIS_TIMEOUT)
        self._times = _times()
        self._lease = settings.RESERVATION_TTL
        self._lease_ms = round(self._lease * 1000)
        self._releasing: set[asyncio.Future[Any]] = set()

    async def connect(self) -> None:
        try:
            await self._redis.connect()
        except RedisAway:
            log.warning("limits_are_counted_locally")

    async def admit(self, user_id: int, api_key: UUID | None, limits: Limits, tokens: int) -> Slot:
        cost = min(tokens, limits.tokens_per_minute, MOST_TOKENS)
        slot = Slot(f"{_process}{next(_numbers):x}", user_id, cost)
        try:
            state = await self._ask(slot, api_key, limits)
        except asyncio.CancelledError:  # It may yet be let in.
            slot.shared = True
            slot.release(charged=cost)
            raise
        slot.headers = limits.headers(state)
        if state.refused:
            raise _refusal(state, slot.headers)
        _running[user_id][slot.id] = slot
        return slot

    async def _ask(self, slot: Slot, api_key: UUID | None, limits: Limits) -> State:
        keys, wanted = _keys(slot.user_id, api_key, limits), (slot.counted, slot.id, self._lease_ms)
        words = ("admit", *self._times, *limits.as_numbers, *wanted)
        try:
            state = State(*await self._redis.run(_SCRIPT, keys, words))
        except RedisAway as away:
            # It may have done what it was asked, and only not said so in time.
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
        words = ("release", slot.id, slot.bucket, difference)
        return self._watched(self._redis.send(_SCRIPT, keys, words), keys, words)

    def _watched(
        self, sent: asyncio.Future[Any] | None, keys: Sequence[str], words: Sequence[Any]
    ) -> asyncio.Future[Any]:
        """See to it that what was sent is sent again until it arrives."""

        def ended(one: asyncio.Future[Any]) -> None:
            self._releasing.discard(one)
            if one is sent and not one.cancelled() and one.exception():
                self._watched(None, keys, words)

        releasing = sent or asyncio.create_task(self._keep_telling(keys, words))
        self._releasing.add(releasing)
        releasing.add_done_callback(ended)
        return releasing

    async def _keep_telling(self, keys: Sequence[str], words: Sequence[Any]) -> None:
        """Tell Redis, as soon as it can be told, until the lease would be over anyway."""
        deadline = time.monotonic() + self._lease
        while time.monotonic() < deadline:
            try:
                await self._redis.run(_SCRIPT, keys, words)
                return
            except ScriptFailed:
                return  # As often as it is told.
            except RedisAway:
                await asyncio.sleep(1)

    async def renew(self) -> None:
        for user_id, slots in list(_running.items()):
            words = ("renew", *self._times, self._lease_ms, *slots)
            for slot in slots.values():  # Also those that were given out while it was away.
                slot.shared = True
            try:
                await self._redis.run(_SCRIPT, (_of_user(user_id),), words)
            except ScriptFailed:
                continue
            except RedisAway:
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
