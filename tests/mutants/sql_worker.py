"""A process that tries mutants of the ledger's SQL, on a database and with a Redis of its own.

The tests are imported once. Each mutant is installed in the database, and a fork of the process
runs those tests that call the mutant's function, the most telling first, until one fails.
"""

import hashlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import Queue
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.mutants import database, quick
from tests.mutants.sql_changes import SQL, Mutant
from tests.upgrades.released import ROOT
from tests.webserver import database_url

FOLDER = ROOT / ".mutants"
_TESTS = [
    "adjust",
    "analytics_outbox",
    "batch_equals_its_items",
    "batches",
    "bonus_expiry",
    "bounded_reports",
    "burn_order",
    "changes_wait_for_a_settlement",
    "due_balances",
    "expire",
    "grant",
    "invoiced_periods",
    "key_budget",
    "ledger_model",
    "one_free_allowance_for_each_mailbox",
    "parallel",
    "plan_change",
    "prune_usage",
    "renewal",
    "renewal_of_leases",
    "reserve",
    "session_budget",
    "settle",
    "take_back",
    "take_back_grant",
    "verify_ledger",
    "weights_of_receipts",
]
_PYTEST = [
    *("-q", "-p", "no:cacheprovider", "-p", "tests.mutants.database", "-p", "tests.mutants.quick"),
    *(f"tests/tokens/test_{name}.py" for name in _TESTS),
]
_RESULTS = {0, 1, -signal.SIGALRM}
_BROKEN = {pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR}
_LONGEST = 600  # seconds, for all the tests of a mutant
# PostgreSQL does not count the calls of a function that it has put into its caller's statement.
_COUNTED = """
    DO $$
    DECLARE
        one regprocedure;
    BEGIN
        FOR one IN
            SELECT p.oid FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
             WHERE l.lanname = 'sql' AND p.pronamespace = 'public'::regnamespace
               AND starts_with(p.proname, 'tokens_') AND p.proconfig IS NULL
        LOOP
            EXECUTE format('ALTER FUNCTION %s SET search_path FROM CURRENT', one);
        END LOOP;
    END $$
"""
_LEAVING = """
    SELECT FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend'
       AND pid <> pg_backend_pid() AND pid IS DISTINCT FROM %s
"""
_CALLS = "SELECT funcname, sum(calls)::bigint FROM pg_stat_user_functions GROUP BY 1"


@dataclass(frozen=True)
class Test:
    """A test, as it was without any mutant: which functions it calls, or None if any."""

    name: str
    version: str  # of its file, and of the functions
    seconds: float
    functions: list[str] | None

    def calls(self, function: str) -> bool:
        return self.functions is None or function in self.functions


@dataclass(frozen=True)
class Result:
    """How a mutant ended: the test that killed it, or none; not ``valid``: it was not even SQL."""

    mutant: Mutant
    valid: bool
    killer: str | None = None


class Recorder:
    """Runs every ``of``-th test without a mutant, to see which functions it calls."""

    def __init__(self, number: int, of: int, known: list[Test], results: "Queue[Any]") -> None:
        self.number, self.of, self.results = number, of, results
        self.known = {(test.name, test.version): test for test in known}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        database.make()
        with _connection() as server:
            server.execute(f"ALTER DATABASE {database.name()} SET track_functions = 'all'".encode())
            server.execute(_COUNTED.encode())
        versions = {path: _version(path) for path in {item.path for item in session.items}}
        items = []
        for item in session.items[self.number :: self.of]:
            if test := self.known.get((item.nodeid, versions[item.path])):
                self.results.put(test)
            else:
                items.append(item)
        with _connection() as server:
            before: dict[str, int] = dict(server.execute(_CALLS).fetchall())
            for item, following in _in_turn(items):
                began = time.monotonic()
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                seconds = time.monotonic() - began
                if session.testsfailed:
                    self.results.put(f"{item.nodeid} fails without a mutant.")
                    return True
                is_known = _is_known(server)
                after: dict[str, int] = dict(server.execute(_CALLS).fetchall())
                called = [one for one, calls in after.items() if calls != before.get(one)]
                version, functions = versions[item.path], called if is_known else None
                self.results.put(Test(item.nodeid, version, seconds, functions))
                before = after
        self.results.put(None)
        return True


def _version(path: Path) -> str:
    texts = [file.read_bytes() for file in (path, *sorted(SQL.glob("*.sql")))]
    return hashlib.sha256(b"".join(texts)).hexdigest()[:16]


def _is_known(server: psycopg.Connection) -> bool:
    """Have all calls counted, which PostgreSQL does once in a second, and when a connection ends.

    False if another connection than Django's stays, whose calls may not be counted.
    """
    if _pid():
        connection.connection.execute("SELECT pg_stat_force_next_flush()")
    else:
        connection.close_pool()  # type: ignore[attr-defined]
    until = time.monotonic() + 1
    while server.execute(_LEAVING, (_pid(),)).fetchall():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def _pid() -> int | None:
    """Return which process of PostgreSQL serves Django's connection, which may stay open."""
    made = connection.connection
    return None if made is None or made.closed else made.info.backend_pid


class Trier:
    """Tries mutants until there are none left."""

    def __init__(
        self,
        tests: list[Test],
        mutants: "Queue[Mutant | None]",
        results: "Queue[Any]",
        until: float,
    ) -> None:
        self.tests, self.mutants, self.results, self.until = tests, mutants, results, until
        self.kills: dict[str, Counter[str]] = {}
        self.running: Synchronized[int]  # which of a mutant's tests

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.running = get_context("fork").Value("i", -1)
        items = {item.nodeid: item for item in session.items}
        seconds = {test.name: test.seconds for test in self.tests}
        quick.expect(items.values(), seconds)
        database.make()
        while (mutant := self.mutants.get()) is not None and time.time() < self.until:
            names = [test.name for test in self.tests if test.calls(mutant.function)]
            kills = self.kills.setdefault(mutant.function, Counter())
            names.sort(key=lambda name: (-kills[name], seconds[name]))
            result = self.try_(mutant, session, [items[name] for name in names])
            if result.killer:
                kills[result.killer] += 1
            self.results.put(result)
        self.results.put(None)
        return True

    def try_(self, mutant: Mutant, session: pytest.Session, items: list[pytest.Item]) -> Result:
        with _connection() as server:
            try:
                server.execute(mutant.source.encode())
            except psycopg.Error:
                return Result(mutant, valid=False)
            try:
                failed = self.run(session, items)
            finally:
                server.execute(mutant.original.encode())
        return Result(mutant, valid=True, killer=items[failed].nodeid if failed >= 0 else None)

    def run(self, session: pytest.Session, items: list[pytest.Item]) -> int:
        """Return which test failed, or -1; one that hangs fails."""
        if not items:
            return -1
        child = get_context("fork").Process(target=self.run_here, args=(session, items))
        child.start()
        child.join(_LONGEST)
        if child.exitcode is None:
            child.kill()
            child.join()
        elif child.exitcode == 0:
            return -1
        elif child.exitcode not in _RESULTS:
            sys.exit(f"The tests did not run: {child.exitcode}.")
        return self.running.value

    def run_here(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        for number, (item, following) in enumerate(_in_turn(items)):
            self.running.value = number
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                os._exit(1)  # Threads that a mutant keeps waiting are not waited for.
        os._exit(0)


def _in_turn(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    """Yield each with the one after it."""
    return zip(items, [*items[1:], None], strict=False)


def _connection() -> psycopg.Connection:
    return psycopg.connect(
        database_url(database.name()), autocommit=True, application_name="mutants"
    )


def work(number: int, plugin: Recorder | Trier) -> None:
    """Be a process of pytest that does what the plugin does in place of running the tests."""
    os.environ["PYTEST_XDIST_WORKER"] = f"gw{number}"
    os.environ["MUTANTS_EXAMPLES"] = "1"
    os.environ["LEDGER_PROGRAMS"] = "12"
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"sql-{number}.log").open("w", buffering=1) as log, redirect_stdout(log):
        code = pytest.main(_PYTEST, plugins=[plugin])
    sys.exit(code if code in _BROKEN else 0)
