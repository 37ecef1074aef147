"""The health of the providers: this worker's breakers, and the order in which routes are tried.

Requests read and write only this worker's own view, so they do not wait. ``share_for_ever`` merges
it with the views of other workers through Redis, about once a second. While Redis is unavailable,
each worker uses only its own view.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypedDict, TypeVar, cast

import orjson
import structlog
from prometheus_client.core import GaugeMetricFamily, Metric
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core import redis_servers
from core.instruments import of
from core.plain_settings import settings
from llmproxy import metrics
from llmproxy.catalog.snapshot import ServedRoute
from llmproxy.errors import NoUpstream, UpstreamRefusal
from llmproxy.models import ProviderState
from llmproxy.providers import configured
from llmproxy.routing import affinity
from llmproxy.routing.breaker import Breaker, Fault, Limits, SharedSight, SharedState
from llmproxy.upstream.client import AttemptFailed

log = structlog.get_logger("tokengate.proxy")

Shared = TypeVar("Shared", SharedState, SharedSight)
Raw = dict[bytes, bytes]

_KEY = "llm:health"
_KEY_SECONDS = 86_400
_ALERT_SECONDS = 60.0
_REFUSED = frozenset((401, 402, 403, 407, 412))

breakers: defaultdict[str, Breaker] = defaultdict(Breaker)
_alerted_at: dict[str, float] = {}


def limits() -> Limits:
    """Return the thresholds at which a breaker opens."""
    return Limits(
        settings.BREAKER_FAILURES, settings.BREAKER_WINDOW_SECONDS, settings.BREAKER_PAUSE_SECONDS
    )


def askable(routes: Iterable[ServedRoute], *, session: str = "") -> Iterator[ServedRoute]:
    """Yield the routes to try, by priority and then by health, without open breakers.

    Among equal routes, a session always uses the same provider, whose cache has its prompts. Every
    worker chooses the same one. Raises ``NoUpstream`` with the time to retry if there was no route.
    """
    ordered = affinity.ordered(routes, session)
    if settings.BREAKER_FAILURES and len(ordered) > 1:
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
    """Record that a provider began to answer."""
    breakers[route.provider.name].succeeded(time.time(), ms=ms)


def shows_nothing(route: ServedRoute) -> None:
    """Record an attempt without a result, such as one whose client disconnected."""
    breakers[route.provider.name].shows_nothing()


def failed(route: ServedRoute, failure: AttemptFailed) -> None:
    """Record a failed attempt. The refusal of an invalid request is not a failure."""
    name = route.provider.name
    if isinstance(failure.error, UpstreamRefusal):
        shows_nothing(route)
        return
    breaker = breakers[name]
    was_open_until = breaker.open_until
    breaker.failed(
        time.time(),
        fault=_fault(failure.status),
        error=failure.outcome,
        model=route.upstream_name,
        limits=limits(),
        retry_after=failure.retry_after,
    )
    if breaker.open_until > was_open_until:
        of(metrics.BREAKER_OPENED, name).inc()
    if failure.status in _REFUSED:
        _alert(name, failure.status)


def _fault(status: int | None) -> Fault:
    if status in _REFUSED:
        return Fault.REFUSED
    if status == 429:
        return Fault.BUSY
    return Fault.UNKNOWN_MODEL if status == 404 else Fault.BROKEN


def _alert(provider: str, status: int | None) -> None:
    """Log a problem of the operator's account, at most once a minute."""
    now = time.time()
    if now - _alerted_at.get(provider, 0.0) >= _ALERT_SECONDS:
        _alerted_at[provider] = now
        log.error("provider_refuses_our_account", provider=provider, status=status)


class ProviderHealth(TypedDict):
    """The state of a provider, as the API shows it."""

    health: str
    latency_ms: int | None
    last_error: str | None
    last_error_at: int | None
    """Seconds since the epoch."""


def describe(provider: str) -> ProviderHealth:
    """Return the state of a provider for the API and the admin site."""
    breaker = breakers[provider]
    latency = breaker.latency_ms
    return {
        "health": str(breaker.health(time.time(), limits())),
        "latency_ms": None if latency is None else round(latency),
        "last_error": breaker.last_error or None,
        "last_error_at": round(breaker.last_error_at) or None,
    }


def states() -> dict[str, str]:
    """Return the state of each provider in this worker's view; "off" if staff disabled it."""
    off = set(ProviderState.objects.filter(enabled=False).values_list("name", flat=True))
    return {name: "off" if name in off else describe(name)["health"] for name in configured()}


def stored() -> Iterator[Metric]:
    """Collects the state of the providers for Prometheus."""
    family = GaugeMetricFamily(
        "tokengate_provider_up",
        "1 if requests are sent to a provider, 0 if its breaker is open or staff disabled it.",
        labels=["provider"],
    )
    for name, state in states().items():
        family.add_metric([name], int(state in ("up", "degraded")))
    yield family


async def share_for_ever(pause: float = 1.0) -> None:
    """Merge this worker's view with those of the others, regularly."""
    redis = redis_servers.async_client(settings.REDIS_URL, timeout=1)
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
    """Read newer states of other workers, and publish this worker's."""
    found = await redis.hgetall(_KEY)
    shared = {str(key, "utf-8"): orjson.loads(value) for key, value in cast("Raw", found).items()}
    news: dict[Any, Any] = {}
    for name in {key.rpartition(":")[0] for key in shared} | set(breakers):
        breaker = breakers[name]
        news |= _compare(f"{name}:state", shared, breaker.state(), breaker.adopt_state)
        news |= _compare(f"{name}:sight", shared, breaker.sight(), breaker.adopt_sight)
    if news:
        await redis.hset(_KEY, mapping=news)
        await redis.expire(_KEY, _KEY_SECONDS)


def _compare(
    key: str, shared: dict[str, Any], ours: Shared, adopt: Callable[[Shared], None]
) -> dict[str, bytes]:
    theirs: Shared | None = shared.get(key)
    if theirs is None or ours["at"] > theirs["at"]:
        return {key: orjson.dumps(ours)} if ours["at"] else {}
    if theirs["at"] > ours["at"]:
        adopt(theirs)
    return {}
