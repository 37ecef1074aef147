"""Settlements that the ledger could not take yet, on the disk of the server that owes them.

What a request used is then known even if its worker is killed before the database is back: any
worker of this server carries it out. One file for each, named by its reservation. To carry one out
twice does no harm, so nobody has to own a file, and a worker that lives settles its own, too.
"""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import orjson
import psycopg
import structlog
from django.conf import settings

from config.embedded.errors import EmbeddedError
from config.embedded.folders import make_private
from tokens import ledger
from tokens.batching import Item, as_json
from tokens.errors import LedgerUnavailable, ReservationClosed

log = structlog.get_logger("tokengate.tokens")

_PAUSE_SECONDS = 5.0
_AWAY_AFTER = 3

_kept: set[UUID] = set()


def keep(item: Item) -> None:
    """Write down what settles a reservation (``ledger.closing``).

    Survives the process, not the machine: it is not synced. A disk that is full is only logged,
    because the process still knows. Once it is written, to call it again does nothing.
    """
    if item["id"] in _kept:
        return
    try:
        _write(settings.SETTLEMENT_SPOOL, item)
    except (OSError, EmbeddedError):
        log.exception("settlement_not_spooled", reservation=str(item["id"]))
        return
    _kept.add(item["id"])
    log.warning("settlement_spooled", reservation=str(item["id"]))


def forget(reservation_id: UUID) -> None:
    """Remove what ``keep`` has written, if it has: the ledger has it now."""
    if reservation_id in _kept:
        _kept.discard(reservation_id)
        try:
            _remove(_file(settings.SETTLEMENT_SPOOL, reservation_id))
        except OSError:  # To carry it out again does no harm.
            log.exception("spooled_settlement_not_removed", reservation=str(reservation_id))


async def replay() -> int:
    """Carry out what is written here, by whomever; returns how many settlements.

    Stops when the ledger is away. What it refuses, or has settled otherwise, is set aside
    (``*.refused``), for somebody to look at. Raises ``OSError`` or ``EmbeddedError`` where the
    folder cannot be used.
    """
    folder = settings.SETTLEMENT_SPOOL
    make_private(folder)
    done = failures = 0
    for file in sorted(folder.glob("*.json")):
        try:
            done += await _carry_out(file)
            failures = 0
        except LedgerUnavailable:  # Of one alone it may be the user's balance that is locked.
            failures += 1
            if failures == _AWAY_AFTER:
                break
        except OSError:
            log.exception("spooled_settlement_not_read", file=file.name)
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
        await asyncio.sleep(_PAUSE_SECONDS)


async def _carry_out(file: Path) -> bool:
    """Tell whether it was done here. Raises ``LedgerUnavailable`` or ``OSError``."""
    try:
        item = _read(file)
        settled = await ledger.aclose_by(item)
    except FileNotFoundError:  # Its worker, or another one, was faster.
        return False
    except (ValueError, LookupError, TypeError, psycopg.Error, ReservationClosed):
        log.exception("spooled_settlement_refused", file=file.name)
        _set_aside(file)
        return False
    if not settled.fresh and settled.charged != item["charge"]:
        log.error("spooled_settlement_differs", file=file.name, charged=settled.charged)
        _set_aside(file)
        return False
    _remove(file)
    return True


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)  # Another worker may have.


def _set_aside(file: Path) -> None:
    with suppress(FileNotFoundError):  # Another worker has.
        file.rename(file.with_suffix(".refused"))


def _write(folder: Path, item: Item) -> None:
    make_private(folder)
    file = _file(folder, item["id"])
    draft = file.with_suffix(f".{os.getpid()}")
    try:
        draft.write_text(as_json([item]))
        draft.replace(file)  # A killed process leaves no half of it.
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def _read(file: Path) -> Item:
    (item,) = orjson.loads(file.read_bytes())
    if item["id"] != file.stem:
        raise ValueError(f"{file} is about {item['id']}")
    return dict(item)


def _file(folder: Path, reservation_id: UUID) -> Path:
    return folder / f"{reservation_id}.json"
