"""``python -m tests.load.records``: what the endpoints ask of a database with five million records.

Each use is carried out as a request would, in a transaction that is rolled back. Every statement
that the code issues is explained (``EXPLAIN (ANALYZE)``) just before it runs; what counts
is the sum of their planning and execution times, as the median of several runs. The first run
seeds the database, which takes minutes.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.load import database

database.use("tokengate_bench_records")  # before Django's models can be imported

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient
from uuid_utils.compat import uuid7

from adminpanel.reports import revenue
from adminpanel.reports import usage as staff
from adminpanel.reports.source import open_source
from tests.load.sections import machine, write_section
from tests.load.seeding import RECORDS, USERS, seeded
from tokens import ledger
from tokens.ledger import HoldContext, Receipt
from tokens.models import UsageRecord
from tokens.usage import queries
from tokens.usage.queries import Filter

RUNS = 3
# Without TIMING OFF the clock that is read at every row is most of what is measured.
_EXPLAIN = "EXPLAIN (ANALYZE, TIMING OFF, BUFFERS, FORMAT JSON)"
_INTRODUCTION = """\
## Five million records

Measured by `make bench-records` ({machine}, an SSD; shared with other work): the time
that PostgreSQL takes to plan and execute what each use issues (`EXPLAIN (ANALYZE, TIMING OFF)`),
the median of 3 runs with a warm cache, and the pages of 8 kB that it reads.
There are {records:,} records of a year; of the {users:,} users the heavy one has {heavy:,}, the
rest about {light:,} each. What staff ask for concerns all users.

`usage_of_user_by_kind` answers filters without a visit to the records. Sums read closed days from
their daily sums, and only the last days, which may still change, from the records.
"""

Run = Callable[[], Any]
Use = Callable[[int], Run]
"""Prepares for a user what is not to be measured, and returns what is."""


@dataclass
class Cost:
    """What the statements of a use took, in milliseconds, and how many 8 kB pages they saw."""

    milliseconds: float = 0.0
    pages: int = 0
    statements: int = 0

    def watch(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Explain a statement, undo what that did, and execute it."""
        if sql.split(None, 1)[0] in {"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"}:
            self._explain(execute, sql, params, context)
        return execute(sql, params, many, context)

    def _explain(self, execute: Any, sql: str, params: Any, context: Any) -> None:
        cursor = context["cursor"]
        execute("SAVEPOINT explained", None, False, context)
        execute(
            f"EXPLAIN (ANALYZE, TIMING OFF, BUFFERS, FORMAT JSON) {sql}", params, False, context
        )
        (found,) = cursor.fetchone()
        execute("ROLLBACK TO SAVEPOINT explained", None, False, context)
        (plan,) = json.loads(found) if isinstance(found, str) else found
        self.milliseconds += plan["Planning Time"] + plan["Execution Time"]
        self.pages += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
        self.statements += 1


def main() -> int:
    options = _options()
    users = seeded(options.records)
    rows: list[tuple[str, Cost, Cost | None]] = []
    for name, use in _uses():
        rows.append((name, _cost(use, users[0]), _cost(use, users[USERS // 2])))
    for name, use in _staff_uses():
        rows.append((name, _cost(use, users[0]), None))
    section = _section(options.records, rows)
    sys.stdout.write(section)
    if options.write:
        write_section(Path(options.write), "five million records", section)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.load.records", description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS, metavar="N", help="how many")
    parser.add_argument("--write", metavar="FILE", help="replace its section about the records")
    return parser.parse_args()


def _cost(use: Use, user_id: int) -> Cost:
    costs = [_once(use, user_id) for _ in range(RUNS + 1)][1:]  # the first one warms up
    return Cost(
        statistics.median(cost.milliseconds for cost in costs), costs[0].pages, costs[0].statements
    )


def _once(use: Use, user_id: int) -> Cost:
    cost = Cost()
    with transaction.atomic():
        run = use(user_id)
        with connection.execute_wrapper(cost.watch):
            run()
        transaction.set_rollback(True)
    return cost


def _uses() -> list[tuple[str, Use]]:
    """What a user or their request asks for."""
    month = (timezone.now() - timedelta(days=30)).date()
    return [
        ("balance", _get("/api/tokens/balance")),
        ("receipt", _receipt),
        ("reserve", _reserve),
        ("settle", _settle),
        ("usage: first page", _get("/api/tokens/usage")),
        ("usage: a page of 500", _get("/api/tokens/usage?limit=500")),
        ("usage: by model and status", _get("/api/tokens/usage?model=maker-3/model-11&status=ok")),
        ("usage: nothing matches", _get("/api/tokens/usage?model=none")),
        ("CSV: a page in the middle", _page_in_the_middle),
        *(
            (f"group_by={group}, 30 days", _get(f"/api/tokens/usage?group_by={group}&from={month}"))
            for group in ("day", "model", "provider", "key")
        ),
        *(
            (f"group_by={group}, all", _get(f"/api/tokens/usage?group_by={group}"))
            for group in ("day", "model", "provider", "key")
        ),
    ]


def _staff_uses() -> list[tuple[str, Use]]:
    """What staff ask for, of all users."""
    groups: Sequence[staff.Group] = ("day", "model", "provider", "plan")
    return [
        *(
            (f"statistics by {group}, {days} days", _statistics(days, group))
            for days in (30, 365)
            for group in groups
        ),
        (
            "statistics in all, 365 days",
            lambda _: lambda: staff.total(open_source(), **_days(365)),
        ),
        (
            "revenue of a year",
            lambda _: lambda: revenue.report(open_source(), months=12, currency="usd"),
        ),
    ]


def _statistics(days: int, group: staff.Group) -> Use:
    return lambda _: lambda: staff.usage(open_source(), **_days(days), group=group)


def _days(number: int) -> dict[str, date]:
    until = timezone.now().date() + timedelta(days=1)
    return {"since": until - timedelta(days=number), "until": until}


def _get(url: str) -> Use:
    def use(user_id: int) -> Run:
        client = APIClient(HTTP_HOST="localhost")
        client.force_authenticate(get_user_model()(pk=user_id))

        def run() -> None:
            answer = client.get(url)
            assert answer.status_code == 200, answer.content

        return run

    return use


def _from_the_middle(user_id: int) -> UsageRecord:
    before = timezone.now() - timedelta(days=180)
    return next(queries.records(user_id, Filter(until=before)).order_by("-created_at").iterator())


def _receipt(user_id: int) -> Run:
    return _get(f"/api/tokens/usage/{_from_the_middle(user_id).request_id}")(user_id)


def _page_in_the_middle(user_id: int) -> Run:
    pages = queries.pages(user_id, Filter(until=_from_the_middle(user_id).created_at))
    return partial(next, pages, None)


def _hold(user_id: int) -> ledger.Hold:
    context = HoldContext(request_id=uuid7().hex, endpoint="chat/completions", model="m")
    return ledger.reserve(user_id=user_id, amount=4000, ttl=60, context=context)


def _reserve(user_id: int) -> Run:
    return partial(_hold, user_id)


def _settle(user_id: int) -> Run:
    receipt = Receipt(model="m", prompt_tokens=180, completion_tokens=220)
    return partial(ledger.settle, hold=_hold(user_id), charge=400, receipt=receipt)


def _section(records: int, rows: list[tuple[str, Cost, Cost | None]]) -> str:
    lines = [
        _INTRODUCTION.format(
            records=records,
            users=USERS,
            machine=machine(),
            heavy=records // 25,
            light=records // 25 * 24 // USERS,
        ),
        "| | heavy user: ms | pages | another user: ms | pages |",
        "|---|---|---|---|---|",
    ]
    for name, heavy, other in rows:
        cells = [name, *_cells(heavy), *(_cells(other) if other else ("", ""))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cells(cost: Cost) -> tuple[str, str]:
    return f"{cost.milliseconds:,.2f}", f"{cost.pages:,}"


if __name__ == "__main__":
    sys.exit(main())
