"""``python -m tests.mutants sql``: change the ledger's SQL in one place at a time.

Each mutant is one function of ``tokens/sql`` with one operator changed. It is installed in a
database, on which those of the ledger's tests run that call the function, until one fails: then
the mutant is killed. Which they are is recorded first. Those that survive fail the run, unless
``survivors.txt`` gives a reason for them.

What was killed is kept in ``.mutants/sql.json`` by the text of the function, for ``--again``.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import astuple
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any

from tests.databases import template
from tests.mutants.sql_changes import SQL, Mutant, mutants
from tests.mutants.sql_worker import FOLDER, Recorder, Result, Test, Trier, work
from tests.mutants.survivors import excused, summary

_KILLED = FOLDER / "sql.json"
_TESTS = FOLDER / "sql-tests.json"
Plugin = Callable[[int, Any], Recorder | Trier]


def results(processes: int, plugin: Plugin) -> Iterator[Any]:
    """Have so many processes work at once; yield what they find."""
    context = get_context("spawn")
    found: Queue[Any] = context.Queue()
    workers: list[BaseProcess] = [
        context.Process(target=work, args=(number, plugin(number, found)))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    working = processes
    while working:
        one = _next(found, workers)
        if one is None:
            working -= 1
        else:
            yield one
    for worker in workers:
        worker.join()


def _next(found: "Queue[Any]", workers: list[BaseProcess]) -> Any:
    """Return what they have found next. A text says what is wrong, and ends the run."""
    while True:
        try:
            one = found.get(timeout=5)
        except Empty:
            if all(worker.is_alive() or worker.exitcode == 0 for worker in workers):
                continue
            one = "A process has ended."
        if not isinstance(one, str):
            return one
        for worker in workers:
            worker.kill()
        sys.exit(f"{one} See {FOLDER}/sql-*.log.")


def record(processes: int) -> list[Test]:
    """Run the tests once without a mutant: how long each takes, and which functions it calls.

    Those of files that did not change since it was last done are known.
    """
    lines = _TESTS.read_text().splitlines() if _TESTS.exists() else []
    known = [Test(*json.loads(line)) for line in lines]
    found = [*results(processes, lambda number, found: Recorder(number, processes, known, found))]
    _TESTS.write_text("\n".join(json.dumps(astuple(test)) for test in found))
    return found


def try_all(chosen: list[Mutant], processes: int, until: float) -> Iterator[Result]:
    """Try mutants, as long as there is time."""
    tests = record(processes)
    waiting: Queue[Mutant | None] = get_context("spawn").Queue()
    for mutant in chosen:
        waiting.put(mutant)
    for _ in range(processes):
        waiting.put(None)
    for result in results(processes, lambda _, found: Trier(tests, waiting, found, until)):
        if result.valid:
            yield result


def select(files: list[str], sample: int | None, seed: int) -> list[Mutant]:
    paths = [SQL / name for name in files] or sorted(SQL.glob("*.sql"))
    chosen = [mutant for path in paths for mutant in mutants(path)]
    return random.Random(seed).sample(chosen, min(sample, len(chosen))) if sample else chosen


def report(killed: list[Mutant], survivors: list[Mutant]) -> int:
    """Print the share of each file, and the survivors without a reason."""
    allowed = excused()
    without = [mutant for mutant in survivors if str(mutant) not in allowed]
    alive = Counter(mutant.file for mutant in survivors)
    dead = Counter(mutant.file for mutant in killed)
    for file in sorted({*alive, *dead}):
        tried = dead[file] + alive[file]
        share = 100 * dead[file] / tried
        sys.stdout.write(f"{share:5.1f} %  {dead[file]:4} of {tried:4}  {file}\n")
    for mutant in without:
        sys.stdout.write(f"survived  {mutant}\n")
    line, is_good = summary(
        "The ledger's SQL",
        killed=len(killed),
        reasoned=len(survivors) - len(without),
        unexplained=len(without),
    )
    sys.stdout.write(line + "\n")
    return 0 if is_good else 1


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("files", nargs="*", help="such as settle.sql; all by default")
    arguments.add_argument("--sample", type=int, help="so many, chosen at random")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--again", action="store_true", help="those not killed before")
    arguments.add_argument("--minutes", type=float, default=600, help="end after about so long")
    arguments.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = arguments.parse_intermixed_args()
    until = time.time() + asked.minutes * 60
    FOLDER.mkdir(exist_ok=True)
    template()  # for all processes
    known: dict[str, str] = json.loads(_KILLED.read_text()) if _KILLED.exists() else {}
    chosen = select(asked.files, asked.sample, asked.seed)
    left = [mutant for mutant in chosen if not (asked.again and mutant.key in known)]
    killed = [mutant for mutant in chosen if mutant not in left]
    survivors = []
    for result in try_all(left, asked.processes, until) if left else ():
        known.pop(result.mutant.key, None)
        if result.killer:
            killed.append(result.mutant)
            known[result.mutant.key] = result.killer
        else:
            survivors.append(result.mutant)
            sys.stdout.write(f"survived  {result.mutant}\n")
            sys.stdout.flush()
        _KILLED.write_text(json.dumps(known, indent=0))
    return report(killed, survivors)


if __name__ == "__main__":
    sys.exit(main())
