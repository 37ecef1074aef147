"""Connections to a Redis cluster: one for each node that has keys of ours.

Scripts go to the node of their first key's slot; all keys of a script share a hash tag, and so the
slot. While a shard is away, only the scripts of its keys fail. Whenever a node redirects a script
or does not answer, the nodes are asked anew who has which slots.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import hiredis
import structlog
from redis.crc import key_slot

from core import redis_servers
from core.redis_servers import Servers
from tokens.limits.redis_link import (
    Redirected,
    RedisLink,
    RedisUnavailable,
    Script,
    first_answer,
)

log = structlog.get_logger("tokengate.tokens")

_LEARN_SECONDS = 1.0
_REDIRECTIONS = 3


class ClusterLink:
    """Runs scripts on a cluster, as ``RedisLink`` does on a server; ``timeout`` in seconds."""

    def __init__(self, url: str, *, timeout: float) -> None:
        self._servers = redis_servers.servers(url)
        self._timeout = timeout
        self._links: dict[str, RedisLink] = {}
        self._map = _Map()
        self._learning: asyncio.Task[None] | None = None
        self._learned_at = float("-inf")

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """Run an idempotent script on the node of its keys. Raises what ``RedisLink.run`` does."""
        url, asking = self._map.url_of(keys), False
        if url is None:
            await self._learn()
            url = self._map.url_of(keys)
        for _ in range(_REDIRECTIONS):
            if url is None:
                raise RedisUnavailable
            try:
                return await self._link(url).run(script, keys, arguments, asking=asking)
            except Redirected as elsewhere:
                url, asking = self._servers.url_of(elsewhere.address), elsewhere.asking
                if not asking:
                    self._learn_soon()
            except RedisUnavailable:
                self._learn_soon()
                raise
        raise RedisUnavailable

    def send(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Any]
    ) -> asyncio.Future[Any] | None:
        """Run a script if there is a connection. The caller repeats it after a failure."""
        url = self._map.url_of(keys)
        return self._link(url).send(script, keys, arguments) if url else None

    async def connect(self) -> None:
        """Connect to every node ahead of the first request. Raises ``RedisUnavailable``."""
        await self._learn()
        await asyncio.gather(*(self._link(url).connect() for url in set(self._map.urls)))

    def close(self) -> None:
        """Close the connections. Calls that wait for an answer fail."""
        if self._learning:
            self._learning.cancel()
        for link in self._links.values():
            link.close()

    def _link(self, url: str) -> RedisLink:
        if url not in self._links:
            self._links[url] = RedisLink(url, timeout=self._timeout)
        return self._links[url]

    def _learn_soon(self) -> None:
        """Ask for the slots in the background, once a second at most."""
        if self._learning is None and time.monotonic() - self._learned_at >= _LEARN_SECONDS:
            self._learned_at = time.monotonic()
            self._learning = asyncio.create_task(self._ask_for_slots())
            self._learning.add_done_callback(self._slots_learned)

    def _slots_learned(self, learning: asyncio.Task[None]) -> None:
        self._learning = None
        if not learning.cancelled() and (error := learning.exception()):
            log.error("redis_cluster_is_away", error=repr(error))

    async def _learn(self) -> None:
        self._learn_soon()
        if self._learning is None:
            raise RedisUnavailable  # It was in vain a moment ago.
        try:
            await asyncio.shield(self._learning)
        except (OSError, hiredis.HiredisError) as error:
            raise RedisUnavailable from error

    async def _ask_for_slots(self) -> None:
        known = [self._servers.url_of(address) for address in self._servers.addresses]
        urls = list(dict.fromkeys([*self._map.urls, *known]))
        answered, slots = await first_answer(urls, ("CLUSTER", "SLOTS"), timeout=self._timeout)
        self._map = _Map.read(slots, self._servers, answered)


class _Map:
    """Which node has which slots: the URLs of the nodes in the order of their first slots."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    @classmethod
    def read(cls, slots: Sequence[Any], servers: Servers, answered: str) -> "_Map":
        """Read the answer to ``CLUSTER SLOTS``: first, last, and the nodes, the primary first.

        A node that does not know its own name is at the URL that ``answered``.
        """
        found = cls()
        for first, last, (host, port, *_), *_ in sorted(slots, key=lambda one: one[0]):
            found._firsts.append(first)
            found._lasts.append(last)
            url = servers.url_of((host.decode(), port)) if host else answered
            found.urls.append(url)
        return found

    def url_of(self, keys: Sequence[str]) -> str | None:
        """Return the URL of the node of the first key; None if no node is known."""
        slot = key_slot(keys[0].encode())
        place = bisect_right(self._firsts, slot) - 1
        if place < 0 or slot > self._lasts[place]:
            return None
        return self.urls[place]


Link = RedisLink | ClusterLink


def link(url: str, *, timeout: float) -> Link:
    """Return the link to the servers of a URL, of whatever kind."""
    is_cluster = redis_servers.servers(url).kind == "cluster"
    return ClusterLink(url, timeout=timeout) if is_cluster else RedisLink(url, timeout=timeout)
