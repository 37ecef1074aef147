"""Settlements that the ledger could not take yet, on the disk of the server that owes them.

What a request used is then known even if its worker is killed before the database is back: any
worker of this server carries it out. One file for each, named by its reservation. To carry one out
twice does no harm, so nobody has to own a file, and a worker that lives settles its own, too.
"""

import asyncio
import os
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

_kept: set[UUID] = set()


def keep(item: Item) -> None:
    """Write down what settles a reservation (``ledger.closing``).

    Survives the process, not the machine: it is not synced. A disk that is full is only logged,
    because the process still knows.
    """
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
        _file(settings.SETTLEMENT_SPOOL, reservation_id).unlink(missing_ok=True)


async def replay() -> int:
    """Carry out what is written here, by whomever; returns how many settlements.

    Stops at the first that finds the ledger away. One that the ledger refuses is set aside.
    """
    done = 0
    for file in sorted(settings.SETTLEMENT_SPOOL.glob("*.json")):
        try:
            await ledger.aclose_by(_read(file))
        except FileNotFoundError:  # Its worker, or another one, was faster.
            continue
        except LedgerUnavailable:
            break
        except (ValueError, LookupError, TypeError, psycopg.Error, ReservationClosed):
            log.exception("spooled_settlement_refused", file=file.name)
            file.rename(file.with_suffix(".refused"))
            continue
        file.unlink(missing_ok=True)
        done += 1
    if done:
        log.warning("spooled_settlements_carried_out", settlements=done)
    return done


async def replay_for_ever() -> None:
    """Carry out what killed workers have left, at once and then every few seconds."""
    while True:
        try:
            await replay()
        except Exception:
            log.exception("spool_not_read")
        await asyncio.sleep(_PAUSE_SECONDS)


def _write(folder: Path, item: Item) -> None:
    make_private(folder)
    file = _file(folder, item["id"])
    draft = file.with_suffix(f".{os.getpid()}")
    draft.write_text(as_json([item]))
    draft.replace(file)  # A killed process leaves no half of it.


def _read(file: Path) -> Item:
    (item,) = orjson.loads(file.read_bytes())
    if item["id"] != file.stem:
        raise ValueError(f"{file} is about {item['id']}")
    return dict(item)


def _file(folder: Path, reservation_id: UUID) -> Path:
    return folder / f"{reservation_id}.json"
