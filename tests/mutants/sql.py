"""``python -m tests.mutants sql``: change the ledger's SQL in one place at a time.

Each mutant is one file of ``tokens/sql`` with one operator changed. It is installed in a database
of its own, on which the ledger's tests run until one fails: then the mutant is killed. The tests
are imported once, and run in a fork of that process. Those that survive fail the run, unless
``survivors.txt`` gives a reason for them.
"""

import argparse
import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import psycopg
import pytest

from tests.mutants import database
from tests.mutants.survivors import excused, summary
from tests.upgrades.released import ROOT
from tests.webserver import database_url

SQL = ROOT / "tokens" / "sql"
LOG = ROOT / ".mutants" / "sql.log"
# The quick and telling ones first: most mutants end there.
TESTS = [
    "burn_order",
    "settle",
    "reserve",
    "bounded_reports",
    "batch_equals_its_items",
    "adjust",
    "key_budget",
    "session_budget",
    "one_free_allowance_for_each_mailbox",
    "take_back",
    "plan_change",
    "invoiced_periods",
    "bonus_expiry",
    "renewal",
    "expire",
    "grant",
    "renewal_of_leases",
    "batches",
    "weights_of_receipts",
    "analytics_outbox",
    "verify_ledger",
    "parallel",
    "ledger_model",
]
_PYTEST = [
    *("-q", "-p", "no:cacheprovider", "-p", "tests.mutants.database", "-p", "tests.mutants.quick"),
    *(f"tests/tokens/test_{name}.py" for name in TESTS),
]
_RESULTS = {0, 1, -signal.SIGALRM}
# Each operator, and what it becomes.
_CHANGES = [
    (r"<=", "<"),
    (r">=", ">"),
    (r"(?<![<>=:-])<(?![=>])", "<="),
    (r"(?<![<>=:-])>(?![=>])", ">="),
    (r"<>", "="),
    (r"(?<![<>=:])=(?!>)", "<>"),
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r"\bLEAST\(", "GREATEST("),
    (r"\bGREATEST\(", "LEAST("),
    (r"\bAND\b", "OR"),
    (r"\bOR\b(?! REPLACE)", "AND"),
    (r"\bIF NOT\b(?! FOUND| EXISTS)", "IF"),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bDESC\b", "ASC"),
    (r"\bORDER BY (\w+)(?=[;)\s])", r"ORDER BY \1 DESC"),
    (r" FOR UPDATE(?! OF)", ""),
    (r" SKIP LOCKED", ""),
    (r"\bLIMIT at_most\b", ""),
    (r"\btrue\b", "false"),
    (r"\bfalse\b", "true"),
]


@dataclass(frozen=True)
class Mutant:
    """One change in one line of one file."""

    file: str
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file}: {self.before.strip()} → {self.after.strip()}"


def mutants(file: Path) -> Iterator[Mutant]:
    """Return every change of a file that is not one of a comment."""
    for number, line in enumerate(file.read_text().splitlines()):
        code = line.split("--")[0]
        if not code.strip() or code.lstrip().startswith(("SET ", "CREATE ", "DROP ")):
            continue
        for pattern, replacement in _CHANGES:
            for match in re.finditer(pattern, code):
                after = code[: match.start()] + match.expand(replacement) + code[match.end() :]
                yield Mutant(file.name, number, line, after)


def install(mutant: Mutant) -> bool:
    """Make the mutant's database. False where PostgreSQL does not take it: it is no mutant."""
    lines = (SQL / mutant.file).read_text().splitlines()
    lines[mutant.line] = mutant.after
    database.make()
    try:
        with psycopg.connect(database_url(database.NAME), autocommit=True) as connection:
            connection.execute("SET check_function_bodies = off")
            connection.execute("\n".join(lines).encode())
    except psycopg.Error:
        return False
    return True


def is_killed(timeout: float) -> bool:
    """Tell whether a test fails on the mutant's database; one that hangs fails."""
    child = get_context("fork").Process(target=_run_tests)
    child.start()
    child.join(timeout)
    if child.exitcode is None:
        child.kill()
        child.join()
    elif child.exitcode not in _RESULTS:
        sys.exit(f"The tests did not run: see {LOG}.")
    return child.exitcode != 0


def _run_tests() -> None:
    os._exit(_pytest("-x"))  # Threads that a mutant keeps waiting are not waited for.


def import_tests() -> None:
    """Import the tests, for all the processes that will run them."""
    if _pytest("--collect-only"):
        sys.exit(f"The tests cannot be imported: see {LOG}.")


def _pytest(argument: str) -> int:
    with LOG.open("w") as log, redirect_stdout(log):
        return int(pytest.main([*_PYTEST, argument]))


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("files", nargs="*", help="such as settle.sql; all by default")
    arguments.add_argument("--sample", type=int, help="so many, chosen at random")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--minutes", type=float, default=600, help="end after about so long")
    asked = arguments.parse_intermixed_args()
    files = [SQL / name for name in asked.files] or sorted(SQL.glob("*.sql"))
    chosen = [mutant for file in files for mutant in mutants(file)]
    if asked.sample:
        chosen = random.Random(asked.seed).sample(chosen, min(asked.sample, len(chosen)))
    LOG.parent.mkdir(exist_ok=True)
    os.environ["LEDGER_PROGRAMS"] = "40"
    import_tests()
    until = time.monotonic() + asked.minutes * 60
    allowed, killed, survivors, reasoned = excused(), 0, [], 0
    for mutant in chosen:
        if time.monotonic() > until:
            break
        if not install(mutant):
            continue
        if is_killed(timeout=900):
            killed += 1
            sys.stdout.write(f"killed    {mutant}\n")
            sys.stdout.flush()
            continue
        if str(mutant) in allowed:
            reasoned += 1
        else:
            survivors.append(mutant)
        sys.stdout.write(f"survived  {mutant}\n")
        sys.stdout.flush()
    line, is_good = summary(
        "The ledger's SQL", killed=killed, reasoned=reasoned, unexplained=len(survivors)
    )
    sys.stdout.write(line + "\n")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
