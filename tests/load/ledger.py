"""``python -m tests.load.ledger``: what micro-batches are worth, beside one statement a caller.

Both doors lead to the same SQL functions on the same database, and write the same holds, receipts
and entries, each durably (synchronous commits). They take turns within each round, so what counts
is the median, over the rounds, of the ratios within a round. CPU is that of this process, which
plays the worker: the ledger's callers and nothing else; that of PostgreSQL is its backends', from
``/proc``, without what its background processes write. The books are verified at the end.
"""

import argparse
import asyncio
import itertools
import os
import random
import statistics
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import uvloop
from psycopg_pool import AsyncConnectionPool

from tests.load import database

database.use("tokengate_bench_ledger")  # before Django's models can be imported

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection

from tests.load.sections import machine, write_section
from tokens import ledger
from tokens.ledger import HoldContext, Receipt, items
from tokens.ledger.batching import as_json
from tokens.ledger.verify import verify
from tokens.models import Tier

USERS = 1000
POOL = 32
MODES = ("batched", "one by one")

_INTRODUCTION = """\
## The ledger

Measured by `make bench-ledger` ({machine}, an SSD), in one run in which both take turns: reserve
and settle of a request, as the proxy does it, in micro-batches and with one statement a caller (the
same SQL functions over a pool of 32 connections). Both commit synchronously and leave the same
holds, receipts and entries; `verify_ledger` found the books right at the end. Figures are medians
over the rounds, ratios medians of the ratios within a round. The machine was shared with other
work, so the absolute figures are low; the ratios and CPU times say more.
"""
_KEY = uuid.uuid4()
_numbers = itertools.count()

Pair = Callable[[int], Awaitable[None]]


@dataclass(frozen=True)
class Scene:
    """So many callers, each with a pair at a time, of so many users."""

    callers: int
    users: int

    def __str__(self) -> str:
        return f"{self.callers} of {'one user' if self.users == 1 else f'{self.users:,} users'}"


SCENES = (Scene(1, USERS), Scene(64, USERS), Scene(256, USERS), Scene(64, 1))


@dataclass(frozen=True)
class Figures:
    """Of one turn: pairs a second, CPU for each of the worker and of PostgreSQL, times; all ms."""

    rate: float
    cpu: float
    database_cpu: float
    p50: float
    p95: float


Measured = dict[tuple[Scene, str], list[Figures]]


def main() -> int:
    options = _options()
    measured = uvloop.run(_measure(_open_accounts(), options.rounds, options.seconds))
    if found := verify():
        sys.stderr.write("".join(f"{one}\n" for one in found))
        return 1
    section = _section(measured)
    sys.stdout.write(section)
    if options.write:
        write_section(Path(options.write), "the ledger", section)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.load.ledger", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    parser.add_argument("--write", metavar="FILE", help="replace its section about the ledger")
    return parser.parse_args()


def _open_accounts() -> list[int]:
    """Begin with empty books, and with users who have more than they will spend."""
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE tokens_balance, tokens_entry, tokens_grant, tokens_adjustment,"
            " tokens_reservation, tokens_usagerecord"
        )
    Tier.objects.update_or_create(name="free", defaults={"monthly_tokens": 10**12})
    people = get_user_model().objects
    names = [f"bench{number}@example.com" for number in range(USERS)]
    known = set(people.filter(email__in=names).values_list("email", flat=True))
    people.bulk_create(people.model(email=name) for name in names if name not in known)
    ids = list(people.filter(email__in=names).values_list("pk", flat=True))
    for user_id in ids:
        ledger.open_account(user_id)
    return ids


async def _measure(users: list[int], rounds: int, seconds: float) -> Measured:
    measured: Measured = {}
    async with AsyncConnectionPool(
        settings.DATABASE_URL,
        min_size=POOL,
        max_size=POOL,
        open=False,
        kwargs={"autocommit": True, "prepare_threshold": 1},
    ) as pool:
        await pool.wait()
        pairs = {"batched": _batched, "one by one": OneByOne(pool).pair}
        for pair in pairs.values():
            await _turn(Scene(64, USERS), pair, users, 0.5, pool)
        for number in range(rounds):
            for scene in SCENES:
                for mode in random.sample(MODES, len(MODES)):
                    figures = await _turn(scene, pairs[mode], users, seconds, pool)
                    measured.setdefault((scene, mode), []).append(figures)
                    sys.stderr.write(f"{number + 1} {scene!s:18} {mode:10} {figures}\n")
    await ledger.aclose()
    return measured


async def _turn(
    scene: Scene, pair: Pair, users: list[int], seconds: float, pool: AsyncConnectionPool
) -> Figures:
    """Let all callers go on for a while, and wait for the last of their pairs."""
    took: list[float] = []
    until = time.perf_counter() + seconds

    async def caller(number: int) -> None:
        began = time.perf_counter()
        while began < until:
            await pair(users[(number + len(took)) % scene.users])
            now = time.perf_counter()
            took.append(now - began)
            began = now

    theirs = await _database_cpu(pool)
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(number * USERS // 256) for number in range(scene.callers)))
    passed, cpu = time.perf_counter() - began, time.process_time() - cpu
    theirs = await _database_cpu(pool) - theirs
    took.sort()
    p50, p95 = (took[(len(took) - 1) * share // 100] * 1000 for share in (50, 95))
    count = len(took)
    return Figures(count / passed, cpu * 1000 / count, theirs * 1000 / count, p50, p95)


async def _database_cpu(pool: AsyncConnectionPool) -> float:
    """Return the seconds of CPU that this database's backends have spent so far."""
    async with pool.connection() as found:
        cursor = await found.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        )
        pids = [pid for (pid,) in await cursor.fetchall()]
    return sum(map(_cpu, pids))


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _hold_terms(user_id: int) -> dict[str, Any]:
    context = HoldContext(
        request_id=f"req-{next(_numbers):032}",
        api_key=_KEY,
        endpoint="chat/completions",
        model="openai/gpt-4o-mini",
    )
    return {"user_id": user_id, "amount": 4000, "minimum": 200, "ttl": 900.0, "context": context}


def _receipt() -> Receipt:
    """Return what the proxy writes of a request, at its full length."""
    return Receipt(
        model="openai/gpt-4o-mini",
        provider="openrouter",
        upstream_id="gen-1732341600-0123456789abcdefghij",
        streamed=True,
        prompt_tokens=180,
        completion_tokens=220,
        price_prompt=Decimal("0.00000015"),
        price_completion=Decimal("0.0000006"),
        weight_prompt=Decimal("1.000"),
        weight_completion=Decimal("1.000"),
        cost=Decimal("0.000159"),
        upstream_cost=Decimal("0.000159"),
        attempts=[{"provider": "openrouter", "outcome": "ok", "status": 200, "ms": 412}],
        first_byte_ms=412,
        duration_ms=2380,
    )


async def _batched(user_id: int) -> None:
    hold = await ledger.areserve(**_hold_terms(user_id))
    settled = await ledger.asettle(ledger.closing(hold=hold, charge=400, receipt=_receipt()))
    assert settled.fresh


class OneByOne:
    """The same two functions, called with one item, on a connection of a pool, and committed."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def pair(self, user_id: int) -> None:
        terms = _hold_terms(user_id)
        item = items.to_hold(reservation_id=None, **terms)
        hold = items.held(item, await self._call("tokens_reserve", item))
        closing = items.to_close(hold, 400, _receipt())
        assert (await self._call("tokens_settle", closing))["fresh"]

    async def _call(self, function: str, item: dict[str, Any]) -> dict[str, Any]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                f"SELECT {function}(%s::jsonb)::text".encode(), (as_json([item]),)
            )
            row = await cursor.fetchone()
        assert row
        (answer,) = orjson.loads(row[0])
        assert isinstance(answer, dict)
        return answer


def _section(measured: Measured) -> str:
    tables = [
        _table(title, name, measured)
        for name, title in (
            ("rate", "Pairs a second"),
            ("cpu", "CPU of the worker, ms a pair"),
            ("database_cpu", "CPU of PostgreSQL's backends, ms a pair"),
            ("p50", "Time of a pair, ms (median)"),
            ("p95", "Time of a pair, ms (95th percentile)"),
        )
    ]
    return "\n".join([_INTRODUCTION.format(machine=machine()), *tables])


def _table(title: str, name: str, measured: Measured) -> str:
    lines = [f"| {title} | batched | one by one | ratio |", "|---|---|---|---|"]
    for scene in SCENES:
        ours, theirs = (measured[scene, mode] for mode in MODES)
        cells = [str(scene), _median(ours, name), _median(theirs, name), _ratio(ours, theirs, name)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _median(figures: list[Figures], name: str) -> str:
    value = statistics.median(getattr(one, name) for one in figures)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(ours: list[Figures], theirs: list[Figures], name: str) -> str:
    pairs = zip(ours, theirs, strict=True)
    return f"{statistics.median(getattr(a, name) / getattr(b, name) for a, b in pairs):.2f}"


if __name__ == "__main__":
    sys.exit(main())
