"""``python -m tests.load.ledger``: what micro-batches are worth, beside one statement a caller.

Both doors lead to the same SQL functions on the same database, and write the same holds, receipts
and entries, each durably (synchronous commits). They take turns within each round, so what counts
is the median, over the rounds, of the ratios within a round. CPU is that of this process, which
plays the worker: the ledger's callers and nothing else. The books are verified at the end.
"""

import argparse
import asyncio
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

from tests.load.sections import write_section
from tokens import ledger
from tokens.ledger import HoldContext, Receipt
from tokens.models import Tier
from tokens.verify import verify

USERS = 1000
POOL = 32
MODES = ("batched", "one by one")

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
    """Of one turn: pairs a second, milliseconds of CPU for each, and how long a pair took."""

    rate: float
    cpu: float
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
            await _turn(Scene(64, USERS), pair, users, 0.5)
        for number in range(rounds):
            for scene in SCENES:
                for mode in random.sample(MODES, len(MODES)):
                    figures = await _turn(scene, pairs[mode], users, seconds)
                    measured.setdefault((scene, mode), []).append(figures)
                    sys.stderr.write(f"{number + 1} {scene!s:18} {mode:10} {figures}\n")
    await ledger.aclose()
    return measured


async def _turn(scene: Scene, pair: Pair, users: list[int], seconds: float) -> Figures:
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

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(number * USERS // 256) for number in range(scene.callers)))
    passed, cpu = time.perf_counter() - began, time.process_time() - cpu
    took.sort()
    p50, p95 = (took[(len(took) - 1) * share // 100] * 1000 for share in (50, 95))
    return Figures(len(took) / passed, cpu * 1000 / len(took), p50, p95)


def _hold_terms(user_id: int) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "amount": 4000,
        "minimum": 200,
        "ttl": 900.0,
        "context": HoldContext(
            request_id=uuid.uuid4().hex,
            api_key=uuid.uuid4(),
            endpoint="chat/completions",
            model="openai/gpt-4o-mini",
        ),
    }


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
    settled = await ledger.asettle(hold=hold, charge=400, receipt=_receipt())
    assert settled.fresh


class OneByOne:
    """The same two functions, called with one item, on a connection of a pool, and committed."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def pair(self, user_id: int) -> None:
        terms = _hold_terms(user_id)
        item = ledger._hold_item(reservation_id=None, **terms)
        hold = ledger._hold(item, await self._call("tokens_reserve", item))
        closing = ledger._close_item(hold, 400, _receipt())
        assert (await self._call("tokens_settle", closing))["fresh"]

    async def _call(self, function: str, item: dict[str, Any]) -> dict[str, Any]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                f"SELECT {function}(%s::jsonb)::text".encode(), (orjson.dumps([item]).decode(),)
            )
            row = await cursor.fetchone()
        assert row
        (answer,) = orjson.loads(row[0])
        assert isinstance(answer, dict)
        return answer


def _section(measured: Measured) -> str:
    lines = [
        "| callers | pairs/s | of one by one | CPU ms/pair | of one by one | p50 ms | p95 ms |"
        " one by one: pairs/s | CPU ms/pair | p50 ms | p95 ms |",
        "|---" * 11 + "|",
    ]
    for scene in SCENES:
        ours, theirs = (measured[scene, mode] for mode in MODES)
        cells = [str(scene), _median(ours, "rate"), _ratio(ours, theirs, "rate")]
        cells += [_median(ours, "cpu"), _ratio(ours, theirs, "cpu")]
        cells += [_median(ours, "p50"), _median(ours, "p95")]
        cells += [_median(theirs, name) for name in ("rate", "cpu", "p50", "p95")]
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
