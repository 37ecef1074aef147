"""Unsettled charges of this server's workers, on disk in case a worker is killed.

Each worker has a file in this folder and locks it while it lives. It contains the charge so far of
each stream, from its first content on, and the settlement of each ended request, until the ledger
has accepted it. The lock of a dead worker is released, and another worker settles its charges.
Settling them twice has no effect.
"""

import asyncio
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
from tokens.ledger import running
from tokens.ledger.batching import Item, as_bytes
from tokens.ledger.running import RunningRequest
from tokens.ledger.spool_file import WorkerFile, is_orphaned, set_aside_beside

log = structlog.get_logger("tokengate.tokens")

# Seconds.
RENEWED_EVERY = 1.0
_REPLAYED_EVERY = 5.0

_own = WorkerFile()


def write(request: RunningRequest) -> None:
    """Write the settlement so far of one request at once.

    It survives the process, but not the machine, because the file is not synced.
    """
    item = request.settlement_so_far()
    if item is not None:
        _own.append(as_bytes([item]))


def set_aside(request: RunningRequest) -> None:
    """Copy a settlement that the ledger refuses to ``*.refused``, for the operator."""
    item = request.settlement_so_far()
    if item is not None:
        of(metrics.SPOOLED, _Outcome.REFUSED).inc()
        _own.set_aside(as_bytes([item]))


def write_all() -> None:
    """Replace the file with the settlements so far of all running requests."""
    items = (request.settlement_so_far() for request in running.requests())
    _own.replace([as_bytes([item]) for item in items if item is not None])


async def write_for_ever() -> None:
    """Write the settlements every second."""
    while True:
        await asyncio.sleep(RENEWED_EVERY)
        try:
            write_all()
        except Exception:  # The next turn tries again.
            log.exception("settlements_not_spooled", reservations=len(running.requests()))


def leave() -> None:
    """Release the file to other workers. A worker does this when it exits."""
    try:
        write_all()
    finally:
        _own.leave()


async def replay() -> int:
    """Settle the charges of this server's dead workers; returns how many.

    Settlements that the ledger refuses, or has made with another charge, are moved to ``*.refused``
    for the operator. While the ledger is unavailable, everything is kept. Raises ``OSError`` if the
    folder cannot be used.
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
        except OSError:  # Other files are still processed.
            log.exception("spooled_settlements_not_read", file=file.name)
    if done:
        log.warning("spooled_settlements_carried_out", settlements=done)
    return done


async def replay_for_ever() -> None:
    """Settle the charges of killed workers, at once and then every few seconds."""
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
    """Run ``replay`` from synchronous code."""

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
    if _Outcome.LATER in outcomes:  # Keep the whole file: repeating the others has no effect.
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
    """Return the last settlement of each reservation, and the invalid lines."""
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
