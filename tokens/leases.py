"""Holds as leases: a running request's deadline is pushed out while its process lives.

So a hold can be short without cutting long streams, and what a killed process held is free again
within one term.
"""

import asyncio
from uuid import UUID

import structlog

from config.database import in_thread
from tokens import ledger, limits

log = structlog.get_logger("tokengate.tokens")

_running: set[UUID] = set()


def keep(reservation_id: UUID) -> None:
    """Renew this hold until ``drop``."""
    _running.add(reservation_id)


def drop(reservation_id: UUID) -> None:
    """Stop renewing this hold."""
    _running.discard(reservation_id)


def any_kept() -> bool:
    """Tell whether some request of this process is not settled yet."""
    return bool(_running)


async def renew_for_ever(ttl: float) -> None:
    """Renew what is kept, three times in each term; a failure is made good by the next turn."""
    while True:
        await asyncio.sleep(ttl / 3)
        await _renew_slots()
        if _running:
            try:
                await in_thread(ledger.renew, reservation_ids=list(_running), ttl=ttl)
            except Exception:
                log.exception("renewal_failed", holds=len(_running))


async def _renew_slots() -> None:
    try:
        await limits.renew()
    except Exception:
        log.exception("renewal_of_slots_failed")
