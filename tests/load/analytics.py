"""``python -m tests.load.analytics``: copying receipts to ClickHouse, and reading both.

ClickHouse is its engine, chdb, in a process beside (`tests/analytics/server.py`). The figures are
compared before they are timed.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

from tests.load import database

database.use("tokengate_bench_records")  # before Django's models can be imported

from django.conf import settings
from django.utils import timezone

from adminpanel.reports.source import PostgresUsage
from tests.analytics.clickhouse import ClickHouse
from tests.load.seeding import seeded
from tokens.analytics import comparison, feed, figures, warehouse
from tokens.usage import totals

ROUNDS = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.load.analytics", description=__doc__)
    parser.add_argument("--records", type=int, default=5_000_000)
    options = parser.parse_args()
    seeded(options.records)
    with tempfile.TemporaryDirectory() as folder, ClickHouse(Path(folder)) as server:
        settings.CLICKHOUSE_URL = server.url
        feed.stop()
        try:
            _measure(options.records)
        finally:
            feed.stop()
    return 0


def _measure(records: int) -> None:
    _say("copy", _timed(feed.feed), f"of {records:,} receipts")
    began = time.perf_counter()
    days = comparison.prove()
    _say("verify", time.perf_counter() - began, f"of {days} days, all equal")
    sizes = warehouse.query(
        "SELECT sum(bytes_on_disk), sum(rows) FROM system.parts"
        f" WHERE active AND table = '{warehouse.RECEIPTS}'"
    )
    sys.stdout.write(f"bytes and rows of ClickHouse: {sizes}\n")
    ours = figures.current()
    assert ours is not None
    today = timezone.now().astimezone(UTC).date()
    postgres = PostgresUsage(totals.coverage())
    for days_back in (30, 365):
        span: dict[str, date] = {
            "since": today - timedelta(days=days_back - 1),
            "until": today + timedelta(days=1),
        }
        _compare(f"{days_back} days by model", postgres.by_key, ours.by_key, "model", **span)
        _compare(f"{days_back} days by plan", postgres.by_key, ours.by_key, "plan", **span)
        _compare(f"{days_back} days by day", postgres.by_day, ours.by_day, "all", **span)
        _compare(f"{days_back} days, users", postgres.active_users, ours.active_users, **span)
        top: dict[str, Any] = {**span, "at_most": 10, "by": "charged"}
        _compare(f"{days_back} days, top users", postgres.top_users, ours.top_users, **top)


def _compare(
    name: str, ours: Callable[..., Any], theirs: Callable[..., Any], *args: str, **span: Any
) -> None:
    assert ours(*args, **span) == theirs(*args, **span)
    took = [
        statistics.median(_timed(call, *args, **span) for _ in range(ROUNDS)) * 1000
        for call in (ours, theirs)
    ]
    sys.stdout.write(f"{name:24} PostgreSQL {took[0]:8.1f} ms  ClickHouse {took[1]:8.1f} ms\n")
    sys.stdout.flush()


def _timed(call: Callable[..., Any], *args: Any, **given: Any) -> float:
    began = time.perf_counter()
    call(*args, **given)
    return time.perf_counter() - began


def _say(what: str, seconds: float, of: str) -> None:
    sys.stdout.write(f"{what}: {seconds:.1f} s {of}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
