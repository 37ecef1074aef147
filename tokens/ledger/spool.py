"""What the requests of this server's workers owe, on its disk, should a worker be killed.

Each worker has a file here, locked while it lives. A stream is in it from its first content on, as
it stands; a request that has ended, with what settles it, until the ledger has taken that. The lock
of a dead worker is gone: whoever comes by then carries out what it owes. To carry one out twice
does no harm.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from uuid import UUID

import orjson
import psycopg
import structlog
from django.conf import settings

from core.folders import make_private
from core.instruments import of
from tokens import ledger, metrics
from tokens.errors import LedgerUnavailable, ReservationClosed
from tokens.ledger.batching import Item, as_bytes
from tokens.ledger.spool_file import WorkerFile, is_orphaned, set_aside_beside

log = structlog.get_logger("tokengate.tokens")

# Seconds.
RENEWED_EVERY = 1.0
_REPLAYED_EVERY = 5.0

# What this process owes, as its requests tell it when they are asked, and where it is written.
_owing: dict[UUID, Callable[[], Item]] = {}
_own = WorkerFile()


def keep(reservation_id: UUID, owes: Callable[[], Item]) -> None:
    """Have written down what settles a reservation (``ledger.closing``), until ``forget``.

    ``owes`` is asked for it every second; what it said last survives the process, but not the
    machine: nothing is synced.
    """
    _owing[reservation_id] = owes


def write(reservation_id: UUID) -> None:
    """Write down at once what a reservation that is kept owes now."""
    _own.append(as_bytes([_owing[reservation_id]()]))


def forget(reservation_id: UUID) -> None:
    """Stop keeping it: the ledger has taken it, or never will."""
    _owing.pop(reservation_id, None)


def set_aside(reservation_id: UUID) -> None:
    """Have somebody look at what the ledger refuses (``*.refused``), and keep it no longer."""
    owes = _owing.pop(reservation_id, None)
    if owes:
        of(metrics.SPOOLED, _Outcome.REFUSED).inc()
        _own.set_aside(as_bytes([owes()]))


def write_all() -> None:
    """Write down what all that are kept owe now, and nothing else."""
    _own.replace([as_bytes([owes()]) for owes in _owing.values()])


async def write_for_ever() -> None:
    """Write down every second what is owed."""
    while True:
        await asyncio.sleep(RENEWED_EVERY)
        try:
            write_all()
        except Exception:  # The next turn may do better.
            log.exception("settlements_not_spooled", reservations=len(_owing))


def leave() -> None:
    """Leave to others what this process still owes, as a worker does when it ends."""
    try:
        write_all()
    finally:
        _own.leave()


async def replay() -> int:
    """Carry out what dead workers of this server owe; returns how many settlements.

    What the ledger refuses, or has settled otherwise, is set aside (``*.refused``), for somebody to
    look at. While the ledger is away all stays as it is. Raises ``OSError``
    where the folder cannot be used.
    """
    folder = settings.SETTLEMENT_SPOOL
    make_private(folder, setting="SETTLEMENT_SPOOL")
    done = 0
    for file in sorted(folder.glob("*.owed")):
        try:
            with file.open("rb") as opened:
                if is_orphaned(opened):
                    done += await _carry_out(file, opened.read())
        except FileNotFoundError:  # Another worker was faster.
            continue
        except OSError:  # One bad file stops no other.
            log.exception("spooled_settlements_not_read", file=file.name)
    if done:
        log.warning("spooled_settlements_carried_out", settlements=done)
    return done


async def replay_for_ever() -> None:
    """Carry out what killed workers have left, at once and then every few seconds."""
    usable = True
    while True:
        try:
            await replay()
            usable = True
        except Exception:
            if usable:  # Once, not every few seconds.
                log.exception("spool_unusable", folder=str(settings.SETTLEMENT_SPOOL))
            usable = False
        await asyncio.sleep(_REPLAYED_EVERY)


def replay_here() -> int:
    """Do as ``replay``, from synchronous code."""

    async def once() -> int:
        try:
            return await replay()
        finally:
            await ledger.aclose()

    return asyncio.run(once())


class _Outcome(StrEnum):
    CARRIED_OUT = "carried_out"
    KNOWN = "known"
    REFUSED = "refused"
    LATER = "later"


async def _carry_out(file: Path, content: bytes) -> int:
    """Return how many settlements were done here."""
    items, refused = _read(content)
    outcomes = await asyncio.gather(*map(_settle, items))
    if _Outcome.LATER in outcomes:  # All of it then: to repeat the others does no harm.
        return 0
    for item, outcome in zip(items, outcomes, strict=True):
        of(metrics.SPOOLED, outcome).inc()
        if outcome is _Outcome.REFUSED:
            refused.append(as_bytes([item]))
    _finish(file, refused)
    return outcomes.count(_Outcome.CARRIED_OUT)


def _finish(file: Path, refused: list[bytes]) -> None:
    for line in refused:
        set_aside_beside(file, line)
    file.with_suffix(".draft").unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def _read(content: bytes) -> tuple[list[Item], list[bytes]]:
    """Return the last word on each reservation, and the lines that are none."""
    items: dict[str, Item] = {}
    unread = []
    for line in filter(None, content.splitlines()):
        try:
            (item,) = orjson.loads(line)
            items[str(UUID(item["id"]))] = item
        except (ValueError, LookupError, TypeError, AttributeError):
            log.exception("spooled_settlement_not_read")
            unread.append(line)
    return list(items.values()), unread


async def _settle(item: Item) -> _Outcome:
    try:
        settled = await ledger.asettle(item)
        is_final = (item["record"] or {}).get("final", True)
    except LedgerUnavailable:
        return _Outcome.LATER
    except (ValueError, LookupError, TypeError, AttributeError, psycopg.Error, ReservationClosed):
        log.exception("spooled_settlement_refused", reservation=item["id"])
        return _Outcome.REFUSED
    if settled.fresh:
        return _Outcome.CARRIED_OUT
    if is_final and settled.charged != item["charge"]:
        log.error("spooled_settlement_differs", reservation=item["id"], charged=settled.charged)
        return _Outcome.REFUSED
    return _Outcome.KNOWN
