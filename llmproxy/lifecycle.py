"""What runs beside the requests of a web worker, and how it ends."""

import asyncio

from django.conf import settings

from llmproxy import exchange, upstream
from tokens import leases, ledger, limits

_DRAIN_SECONDS = 8.0

_renewal: asyncio.Task[None] | None = None


async def start() -> None:
    """Begin to renew the holds of running requests."""
    global _renewal  # One for each worker process.
    await limits.connect()
    _renewal = asyncio.create_task(leases.renew_for_ever(settings.RESERVATION_TTL))


async def stop() -> None:
    """Let what is under way settle, then let go of every connection."""
    await exchange.drain(_DRAIN_SECONDS)
    if _renewal:
        _renewal.cancel()
    await ledger.aclose()
    await limits.aclose()
    await upstream.aclose()
