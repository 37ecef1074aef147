"""Holds as leases: a running request's deadline is pushed out while its process lives.

So a hold can be short without cutting long streams, and what a killed process held is free again
within one term. Of a request that takes longer than a moment it is also noted who answers it:
should the process die, the provider can still be asked what was used.
"""

import asyncio
from uuid import UUID

import structlog

from core.database import in_thread
from tokens import ledger
from tokens.limits import admission

log = structlog.get_logger("tokengate.tokens")

_running: set[UUID] = set()
# (provider, upstream id) of running requests: what is known since the last turn, and what is to be
# noted in the next one, for it was known before.
_new: dict[UUID, tuple[str, str]] = {}
_due: dict[UUID, tuple[str, str]] = {}


def keep(reservation_id: UUID) -> None:
    """Renew this hold until ``drop``."""
    _running.add(reservation_id)


def drop(reservation_id: UUID) -> None:
    """Stop renewing this hold."""
    _running.discard(reservation_id)
    _new.pop(reservation_id, None)
    _due.pop(reservation_id, None)


def answered_by(reservation_id: UUID, *, provider: str, upstream_id: str) -> None:
    """Remember who answers a running request, and by what id of theirs."""
    _new[reservation_id] = (provider, upstream_id)


def asks_another(reservation_id: UUID, *, provider: str) -> None:
    """Forget who was to answer: there it failed, which is never the user's to pay for."""
    _new.pop(reservation_id, None)
    _due[reservation_id] = (provider, "")


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


async def trace_for_ever(pause: float = 2.0) -> None:
    """Note who answers the requests that have run for a whole turn; most are over by then."""
    while True:
        await asyncio.sleep(pause)
        noting = dict(_due)
        _due.clear()
        _due.update(_new)
        _new.clear()
        if noting:
            try:
                await in_thread(ledger.trace, answering=noting)
            except Exception:
                log.exception("tracing_failed", holds=len(noting))


async def _renew_slots() -> None:
    try:
        await admission.renew()
    except Exception:
        log.exception("renewal_of_slots_failed")
