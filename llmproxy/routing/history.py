"""How the providers and the site were, day by day: one observation a minute, counted by state.

The worker observes what the web workers share in Redis, so nothing is asked of the providers. A
minute in which the worker or Redis was away has no observation.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import structlog
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db.models import F
from django.utils import timezone
from redis.exceptions import RedisError

from core import redis_servers
from core.models import ProbeDay
from llmproxy.models import ProviderDay
from llmproxy.providers import configured
from llmproxy.routing import health

log = structlog.get_logger("tokengate.proxy")

DAYS = 90
_KEPT = timedelta(days=400)
_COUNTED = ("up", "degraded", "down")


@dataclass(frozen=True)
class Day:
    """A day of a provider. ``state`` is the worst that lasted; empty without observations."""

    day: date
    state: str
    share: float | None


def observe() -> int:
    """Count the present state of each provider; returns how many were counted."""
    try:
        async_to_sync(_read_shared)()
    except (RedisError, OSError) as error:
        log.warning("provider_health_not_observed", error=repr(error))
        return 0
    today = timezone.now().date()
    states = {name: state for name, state in health.states().items() if state in _COUNTED}
    for name, state in states.items():
        ProviderDay.objects.get_or_create(provider=name, day=today)
        row = ProviderDay.objects.filter(provider=name, day=today)
        row.update(**{state: F(state) + 1})
    return len(states)


def forget_old() -> None:
    """Delete days that no page shows."""
    end = timezone.now().date() - _KEPT
    ProviderDay.objects.filter(day__lt=end).delete()
    ProbeDay.objects.filter(day__lt=end).delete()


def days_of_all() -> dict[str, list[Day]]:
    """Return the last days of each configured provider, the oldest first."""
    today = timezone.now().date()
    first = today - timedelta(days=DAYS - 1)
    rows = {(row.provider, row.day): row for row in ProviderDay.objects.filter(day__gte=first)}
    days = [first + timedelta(days=number) for number in range(DAYS)]
    return {name: [_day(each, rows.get((name, each))) for each in days] for name in configured()}


def uptime(days: Iterable[Day]) -> float | None:
    """Return the mean share of observations in which a provider answered; None without any."""
    shares = [day.share for day in days if day.share is not None]
    return sum(shares) / len(shares) if shares else None


def days_of_site() -> list[Day]:
    """Return the last days of the site by its own probes; empty if there were none."""
    today = timezone.now().date()
    first = today - timedelta(days=DAYS - 1)
    rows = {row.day: row for row in ProbeDay.objects.filter(day__gte=first)}
    days = [first + timedelta(days=number) for number in range(DAYS)]
    return [_of_site(each, rows.get(each)) for each in days] if rows else []


def _of_site(day: date, row: ProbeDay | None) -> Day:
    return _summed(day, up=row.up, down=row.down) if row else _summed(day)


def _day(day: date, row: ProviderDay | None) -> Day:
    if row is None:
        return _summed(day)
    return _summed(day, up=row.up, degraded=row.degraded, down=row.down)


def _summed(day: date, *, up: int = 0, degraded: int = 0, down: int = 0) -> Day:
    total = up + degraded + down
    if not total:
        return Day(day, "", None)
    share = (up + degraded) / total
    if down * 20 >= total:  # 5 % of the day and more
        return Day(day, "down", share)
    return Day(day, "degraded" if degraded + down else "up", share)


async def _read_shared() -> None:
    redis = redis_servers.async_client(settings.REDIS_URL, timeout=1)
    try:
        await health.share(redis)
    finally:
        await redis.aclose()
