"""What runs beside the requests of a web worker, and how it ends."""

import asyncio

from django.conf import settings

from llmproxy.relay import exchange, left, memory
from llmproxy.routing import health
from llmproxy.upstream import client
from tokens import ledger
from tokens.ledger import leases, spool
from tokens.limits import admission

_DRAIN_SECONDS = 8.0

# Those of this worker process.
_background: list[asyncio.Task[None]] = []


async def start() -> None:
    """Begin what runs beside the requests.

    Holds are renewed and traced, what running requests owe is written down, what we see of
    providers is shared, changed callers are heard of, and what killed workers owe is settled.
    """
    await admission.connect()
    works = (
        leases.renew_for_ever(settings.RESERVATION_TTL),
        leases.trace_for_ever(),
        health.share_for_ever(),
        memory.listen_for_ever(),
        spool.write_for_ever(),
        spool.replay_for_ever(),
    )
    _background.extend(asyncio.create_task(work) for work in works)


async def stop() -> None:
    """Let what is under way settle, then let go of every connection."""
    await exchange.drain(_DRAIN_SECONDS / 2)
    left.give_up()
    await exchange.drain(_DRAIN_SECONDS / 2)
    while _background:
        _background.pop().cancel()
    spool.leave()
    await ledger.aclose()
    await admission.aclose()
    await client.aclose()
