"""Background tasks of a web worker: starting and stopping them."""

import asyncio

from django.conf import settings

from llmproxy.relay import disconnected, exchange, memory, tracing, vitals
from llmproxy.routing import health
from llmproxy.upstream import client
from tokens import ledger
from tokens.ledger import leases, spool
from tokens.limits import admission
from tokens.usage import refusals

_DRAIN_SECONDS = 8.0

# The tasks of this worker process.
_background: list[asyncio.Task[None]] = []


async def start() -> None:
    """Start the background tasks.

    They renew reservations and record the providers that answer them, write the charges of running
    requests to the spool, share the health of providers, listen for changes of callers, settle the
    charges that killed workers left in the spool, store the counts of refused requests, and update
    the figures for Prometheus.
    """
    tracing.start()
    await admission.connect()
    works = (
        leases.renew_for_ever(settings.RESERVATION_TTL),
        leases.trace_for_ever(),
        health.share_for_ever(),
        memory.listen_for_ever(),
        spool.write_for_ever(),
        spool.replay_for_ever(),
        refusals.write_for_ever(),
        vitals.watch_for_ever(),
    )
    _background.extend(asyncio.create_task(work) for work in works)


async def stop() -> None:
    """Settle the running requests, then close every connection."""
    await exchange.drain(_DRAIN_SECONDS / 2)
    disconnected.give_up()
    await exchange.drain(_DRAIN_SECONDS / 2)
    while _background:
        _background.pop().cancel()
    spool.leave()
    await refusals.write_now()
    await ledger.aclose()
    await admission.aclose()
    await client.aclose()
    tracing.stop()
