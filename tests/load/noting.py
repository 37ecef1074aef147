"""``python -m tests.load.noting``: what a settlement costs more while changes are noted.

Both take turns within each round, as in ``tests.load.ledger``, in micro-batches and durably.
"""

import argparse
import random
import statistics
import sys

import uvloop
from asgiref.sync import sync_to_async
from django.conf import settings
from psycopg_pool import AsyncConnectionPool

from tests.load import ledger as pairs  # it chooses the database
from tokens import ledger
from tokens.analytics import outbox
from tokens.models import ReceiptChange

SCENES = (pairs.Scene(1, pairs.USERS), pairs.Scene(64, pairs.USERS))
FIGURES = ("rate", "cpu", "database_cpu", "p50", "p95")


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.load.noting", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each turn")
    options = parser.parse_args()
    outbox.stop()
    measured = uvloop.run(_measure(pairs._open_accounts(), options.rounds, options.seconds))
    for scene in SCENES:
        for name in FIGURES:
            plain, noted = (
                [getattr(one, name) for one in measured[scene, is_noted]]
                for is_noted in (False, True)
            )
            ratio = statistics.median(b / a for a, b in zip(plain, noted, strict=True))
            sys.stdout.write(
                f"{scene!s:18} {name:13} plain {statistics.median(plain):10.4g}"
                f"  noted {statistics.median(noted):10.4g}  ratio {ratio:.3f}\n"
            )
    return 0


async def _measure(
    users: list[int], rounds: int, seconds: float
) -> dict[tuple[pairs.Scene, bool], list[pairs.Figures]]:
    measured: dict[tuple[pairs.Scene, bool], list[pairs.Figures]] = {}
    async with AsyncConnectionPool(
        settings.DATABASE_URL, min_size=1, max_size=2, open=False
    ) as pool:
        await pool.wait()
        await pairs._turn(SCENES[1], pairs._batched, users, 1, pool)
        for _ in range(rounds):
            for scene in SCENES:
                for is_noted in random.sample([False, True], 2):
                    await sync_to_async(_switch)(is_noted)
                    figures = await pairs._turn(scene, pairs._batched, users, seconds, pool)
                    measured.setdefault((scene, is_noted), []).append(figures)
    await sync_to_async(_switch)(False)
    await ledger.aclose()
    return measured


def _switch(is_noted: bool) -> None:
    outbox.stop()
    if is_noted:
        outbox.start()
        assert not ReceiptChange.objects.exists()


if __name__ == "__main__":
    sys.exit(main())
