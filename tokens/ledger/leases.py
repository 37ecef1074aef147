"""Reservations as leases: the deadline of a running request is extended while its process lives.

So reservations can be short without interrupting long streams, and those of a killed process expire
within one term. The provider of a request that runs for more than one turn is also recorded. If the
process dies, the usage can still be looked up.
"""

import asyncio
from uuid import UUID

import structlog

from core.database import in_thread
from tokens import ledger
from tokens.limits import admission

log = structlog.get_logger("tokengate.tokens")

_running: set[UUID] = set()
# (provider, upstream id) of running requests: those that became known since the last turn, and
# those that became known before and are recorded in the next one.
_new: dict[UUID, tuple[str, str]] = {}
_due: dict[UUID, tuple[str, str]] = {}


def keep(reservation_id: UUID) -> None:
    """Renew this reservation until ``drop``."""
    _running.add(reservation_id)


def drop(reservation_id: UUID) -> None:
    """Stop renewing this reservation."""
    _running.discard(reservation_id)
    _new.pop(reservation_id, None)
    _due.pop(reservation_id, None)


def answered_by(reservation_id: UUID, *, provider: str, upstream_id: str) -> None:
    """Record the provider that answers a running request, and its id for the request."""
    _new[reservation_id] = (provider, upstream_id)


def asks_another(reservation_id: UUID, *, provider: str) -> None:
    """Discard the recorded provider: its attempt failed, so the user is not charged for it."""
    _new.pop(reservation_id, None)
    _due[reservation_id] = (provider, "")


def any_kept() -> bool:
    """Return whether a request of this process is not settled yet."""
    return bool(_running)


async def renew_for_ever(ttl: float) -> None:
    """Renew the reservations three times in each term. A failure is repeated in the next turn."""
    while True:
        await asyncio.sleep(ttl / 3)
        await _renew_slots()
        if _running:
            try:
                await in_thread(ledger.renew, reservation_ids=list(_running), ttl=ttl)
            except Exception:
                log.exception("renewal_failed", holds=len(_running))


async def trace_for_ever(pause: float = 2.0) -> None:
    """Record the providers of requests that have run for a whole turn. Most end before that."""
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
