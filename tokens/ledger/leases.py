"""Reservations as leases: the deadline of a running request is extended while its process lives.

So reservations can be short without interrupting long streams, and those of a killed process expire
within one term. The provider of a request that runs for more than one turn is also recorded. If the
process dies, the usage can still be looked up.
"""

import asyncio

import structlog

from core.database import in_thread
from tokens import ledger
from tokens.ledger import running
from tokens.limits import admission

log = structlog.get_logger("tokengate.tokens")


async def renew_for_ever(ttl: float) -> None:
    """Renew the reservations three times in each term. A failure is repeated in the next turn."""
    while True:
        await asyncio.sleep(ttl / 3)
        await _renew_slots()
        held = [request.hold.id for request in running.requests()]
        if held:
            try:
                await in_thread(ledger.renew, reservation_ids=held, ttl=ttl)
            except Exception:
                log.exception("renewal_failed", reservations=len(held))


async def trace_for_ever(pause: float = 2.0) -> None:
    """Record the providers of requests that have run for a whole turn. Most end before that."""
    while True:
        await asyncio.sleep(pause)
        traces = {request.hold.id: request.trace_due() for request in running.requests()}
        answering = {reservation: trace for reservation, trace in traces.items() if trace}
        if answering:
            try:
                await in_thread(ledger.trace, answering=answering)
            except Exception:
                log.exception("tracing_failed", reservations=len(answering))


async def _renew_slots() -> None:
    try:
        await admission.renew()
    except Exception:
        log.exception("renewal_of_slots_failed")
