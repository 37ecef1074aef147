"""What runs beside the requests of a web worker, and how it ends."""

import asyncio

from django.conf import settings

from llmproxy import callers, exchange, upstream
from tokens import leases, ledger

_DRAIN_SECONDS = 8.0

_background: list[asyncio.Task[None]] = []


async def start() -> None:
    """Begin to renew the holds of running requests, and to hear of revocations."""
    works = (leases.renew_for_ever(settings.RESERVATION_TTL), callers.forget_the_revoked())
    _background.extend(asyncio.create_task(work) for work in works)


async def stop() -> None:
    """Let what is under way settle, then let go of every connection."""
    await exchange.drain(_DRAIN_SECONDS)
    while _background:
        _background.pop().cancel()
    await ledger.aclose()
    await upstream.aclose()
