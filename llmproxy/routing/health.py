"""How the providers are: the breakers of this worker, what opens them, and whom to ask first.

Nothing here waits: a request reads and writes this worker's own view. ``share_for_ever`` compares
it, about once a second, with what the other workers know, through Redis. While Redis is away each
worker goes by what it sees itself.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import orjson
import structlog
from django.conf import settings
from prometheus_client.core import GaugeMetricFamily, Metric
from redis.asyncio import Redis
from redis.exceptions import RedisError

from llmproxy.catalog.snapshot import ServedRoute
from llmproxy.errors import NoUpstream, UpstreamRefusal
from llmproxy.models import ProviderState
from llmproxy.providers import configured
from llmproxy.routing import affinity
from llmproxy.routing.breaker import Breaker, Fault, Limits
from llmproxy.upstream.client import AttemptFailed

log = structlog.get_logger("tokengate.proxy")

Told = dict[str, Any]
Raw = dict[bytes, bytes]

_KEY = "llm:health"
_KEY_SECONDS = 86_400
_ALERT_SECONDS = 60.0
_REFUSED = frozenset((401, 402, 403, 407, 412))

breakers: defaultdict[str, Breaker] = defaultdict(Breaker)
_alerted_at: dict[str, float] = {}


def limits() -> Limits:
    """Return when a breaker opens."""
    return Limits(
        settings.BREAKER_FAILURES, settings.BREAKER_WINDOW_SECONDS, settings.BREAKER_PAUSE_SECONDS
    )


def askable(routes: Iterable[ServedRoute], *, session: str = "") -> Iterator[ServedRoute]:
    """Yield the routes to try, by priority, then by health, leaving out what is open.

    Among equals a session keeps to one provider, whose cache knows its prompts; every worker
    chooses the same. Raises ``NoUpstream`` when there was none at all, with the time to try again.
    """
    ordered = affinity.ordered(routes, session)
    if settings.BREAKER_FAILURES:
        ordered.sort(key=_rank)
    asked = False
    for route in ordered:
        breaker = breakers[route.provider.name]
        if not settings.BREAKER_FAILURES or breaker.may_ask(route.upstream_name, time.time()):
            asked = True
            yield route
    if not asked:
        raise NoUpstream(headers=_retry_after(ordered))


def _rank(route: ServedRoute) -> tuple[int, bool]:
    breaker = breakers[route.provider.name]
    return route.priority, breaker.last_error_at > time.time() - settings.BREAKER_WINDOW_SECONDS


def _retry_after(routes: list[ServedRoute]) -> dict[str, str]:
    free_at = [breakers[route.provider.name].free_at(route.upstream_name) for route in routes]
    if not free_at:
        return {}
    return {"Retry-After": str(max(1, round(min(free_at) - time.time())))}


def answered(route: ServedRoute, *, ms: float) -> None:
    """Note that a provider began to answer."""
    breakers[route.provider.name].succeeded(time.time(), ms=ms)


def shows_nothing(route: ServedRoute) -> None:
    """Note an attempt that says nothing of the provider, such as one whose client left."""
    breakers[route.provider.name].shows_nothing()


def failed(route: ServedRoute, failure: AttemptFailed) -> None:
    """Note a failed attempt. A refusal of the user's own request is not the provider's fault."""
    name = route.provider.name
    if isinstance(failure.error, UpstreamRefusal):
        shows_nothing(route)
        return
    breakers[name].failed(
        time.time(),
        fault=_fault(failure.status),
        error=failure.outcome,
        model=route.upstream_name,
        limits=limits(),
        retry_after=failure.retry_after,
    )
    if failure.status in _REFUSED:
        _alert(name, failure.status)


def _fault(status: int | None) -> Fault:
    if status in _REFUSED:
        return Fault.REFUSED
    if status == 429:
        return Fault.BUSY
    return Fault.UNKNOWN_MODEL if status == 404 else Fault.BROKEN


def _alert(provider: str, status: int | None) -> None:
    """Tell the operator that their account is the trouble; once a minute is enough."""
    now = time.time()
    if now - _alerted_at.get(provider, 0.0) >= _ALERT_SECONDS:
        _alerted_at[provider] = now
        log.error("provider_refuses_our_account", provider=provider, status=status)


def describe(provider: str) -> dict[str, Any]:
    """Return what people are told of a provider."""
    breaker = breakers[provider]
    latency = breaker.latency_ms
    return {
        "health": str(breaker.health(time.time(), limits())),
        "latency_ms": None if latency is None else round(latency),
        "last_error": breaker.last_error or None,
        "last_error_at": round(breaker.last_error_at) or None,
    }


def states() -> dict[str, str]:
    """Return how each provider is, as this worker sees it; "off" when staff switched it off."""
    off = set(ProviderState.objects.filter(enabled=False).values_list("name", flat=True))
    return {name: "off" if name in off else describe(name)["health"] for name in configured()}


def stored() -> Iterator[Metric]:
    """Tell Prometheus how the providers are."""
    family = GaugeMetricFamily(
        "tokengate_provider_up",
        "1 when a provider is asked, 0 when its breaker is open or staff switched it off.",
        labels=["provider"],
    )
    for name, state in states().items():
        family.add_metric([name], int(state in ("up", "degraded")))
    yield family


async def share_for_ever(pause: float = 1.0) -> None:
    """Keep this worker's view and the others' together."""
    redis = Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    away = False
    while True:
        await asyncio.sleep(pause)
        try:
            await share(redis)
            away = False
        except (RedisError, OSError, KeyError, TypeError, ValueError) as error:
            if not away:
                log.warning("provider_health_not_shared", error=repr(error))
            away = True


async def share(redis: Redis) -> None:
    """Take over what others know better, and tell what we do."""
    found = await redis.hgetall(_KEY)
    told = {str(key, "utf-8"): orjson.loads(value) for key, value in cast("Raw", found).items()}
    news: dict[Any, Any] = {}
    for name in {key.rpartition(":")[0] for key in told} | set(breakers):
        breaker = breakers[name]
        news |= _compare(f"{name}:state", told, breaker.state(), breaker.adopt_state)
        news |= _compare(f"{name}:sight", told, breaker.sight(), breaker.adopt_sight)
    if news:
        await redis.hset(_KEY, mapping=news)
        await redis.expire(_KEY, _KEY_SECONDS)


def _compare(key: str, told: Told, ours: Told, adopt: Callable[[Told], None]) -> dict[str, bytes]:
    theirs = told.get(key) or {"at": 0.0}
    if theirs["at"] > ours["at"]:
        adopt(theirs)
    return {key: orjson.dumps(ours)} if ours["at"] > theirs["at"] else {}
