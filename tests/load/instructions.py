"""``python -m tests.load.instructions``: the machine instructions of a request, by Valgrind.

They say what the time can't on a shared machine: counted twice, they are the same within a
thousandth. The proxy and bare ASGI are asked in lockstep (``tests.load.lockstep``), with everything
held that is done at set times. Of N and 2 N requests, or of streams of more and fewer chunks, the
difference counts.

This fails if a figure has grown by 3 % over that of the same Python in ``instructions.json``, which
``--save`` writes.
"""

import argparse
import json
import platform
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.load import stage
from tests.load.contenders import Site, bare
from tests.load.lockstep import Lockstep, Request
from tests.load.processes import Server
from tests.load.sections import machine, write_section
from tests.load.upstream import MODEL
from tests.ports import free_port

_BUDGET = Path(__file__).with_name("instructions.json")
_MARGIN = 1.03
_WARM_UP, _REQUESTS, _ROUNDS = 40, 20, 5
_CHUNKS, _MORE_CHUNKS = 10, 20
_TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)
_INTRODUCTION = """\
## Instructions of a request

Counted by `make bench-instructions` ({machine}): the machine instructions in user space that one
process takes for a request and for a chunk of a stream, by Valgrind's callgrind. No busy machine
changes them. Requests come one at a time, so nothing is shared between them: under load, the ledger
and the logs take fewer. *Bare ASGI* only relays. How many functions of Python a request calls is
checked by `make test` (`tests/calls/budget.json`).

| | this proxy | bare ASGI | ratio |
|---|---|---|---|
"""

Figures = dict[str, int]


@dataclass(frozen=True)
class _Watched:
    """A server under callgrind, which counts from ``begin`` on."""

    pid: int
    folder: Path

    def tell(self, *command: str) -> None:
        told = ["vgdb", f"--pid={self.pid}", *command]
        subprocess.run(told, check=True, capture_output=True, timeout=120)

    def counted(self, step: Callable[[], object]) -> int:
        """Return the instructions of a step, and of what begins and ends the counting."""
        self.tell("zero")
        step()
        for old in self.folder.glob("callgrind.*"):
            old.unlink()
        self.tell("dump")
        (dump,) = self.folder.glob("callgrind.*")
        found = _TOTAL.search(dump.read_text())
        assert found is not None
        return int(found[1])


def main() -> int:
    options = _options()
    if shutil.which("valgrind") is None or shutil.which("vgdb") is None:
        sys.stdout.write("Skipped: no valgrind was found (Debian: `apt install valgrind`).\n")
        return 0
    with stage.database():
        ours, plain = _figures_of_ours(), _figures_of_bare()
    text = _INTRODUCTION.format(machine=machine())
    for name, figure in ours.items():
        text += f"| {name} | {figure:,} | {plain[name]:,} | {figure / plain[name]:.2f} |\n"
    sys.stdout.write(text)
    if options.write:
        write_section(Path(options.write), "instructions", text + "\n")
    if options.save:
        budgets = {**json.loads(_BUDGET.read_text()), _python(): ours}
        _BUDGET.write_text(json.dumps(budgets, indent=2, sort_keys=True) + "\n")
        return 0
    return _judge(ours, json.loads(_BUDGET.read_text()).get(_python()))


def _judge(figures: Figures, budget: Figures | None) -> int:
    if budget is None:
        sys.stdout.write(f"Not compared: {_BUDGET.name} has no figures of this Python.\n")
        return 0
    grown = [name for name, figure in figures.items() if figure > budget[name] * _MARGIN]
    for name in grown:
        sys.stdout.write(f"FAILED: {name}: {figures[name]:,}, budgeted {budget[name]:,}\n")
    return 1 if grown else 0


def _python() -> str:
    return f"Python {platform.python_version()} on {platform.machine()}"


def _figures_of_ours() -> Figures:
    # Models can be imported only once Django is set up.
    from tests.load import proxy

    proxy.prepare()
    (developer,) = proxy.developers(1)

    def command(site: Site, port: int) -> list[str]:
        return [sys.executable, "-m", "tests.load.apps.alone", str(port)]

    def environment(upstream_url: str) -> dict[str, str]:
        return {**proxy.environment(upstream_url), "CATALOG_SECONDS": "1000000"}

    headers = {"Authorization": f"Bearer {developer.key}"}
    with _watching(command, environment) as (watched, ends):
        ends.get("/hold")
        return _figures(watched, ends, headers)


def _figures_of_bare() -> Figures:
    def environment(upstream_url: str) -> dict[str, str]:
        return {"UPSTREAM_BASE_URL": upstream_url}

    with _watching(bare().command, environment) as (watched, ends):
        return _figures(watched, ends, {"Authorization": "Bearer any"})


@contextmanager
def _watching(
    command: Callable[[Site, int], list[str]], environment: Callable[[str], dict[str, str]]
) -> Iterator[tuple[_Watched, Lockstep]]:
    port, folder = free_port(), stage.folder()
    for old in folder.glob("callgrind.*"):
        old.unlink()
    with Lockstep() as ends:
        site = Site(ends.port, folder, [])
        valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
        watched = [*valgrind, f"--callgrind-out-file={folder}/callgrind.%p", *command(site, port)]
        env = {**environment(site.upstream_url), "PYTHONHASHSEED": "0"}
        log = folder / "valgrind.log"
        with Server(watched, port=port, log=log, core=None, env=env) as server:
            ends.connect(port)
            yield _Watched(server.pid, folder), ends


def _figures(watched: _Watched, ends: Lockstep, headers: dict[str, str]) -> Figures:
    def ask(requests: int, chunks: int) -> Callable[[], None]:
        messages = [{"role": "user", "content": "Tell me a story."}]
        asked = {"model": MODEL, "messages": messages, "max_tokens": 500, "stream": chunks > 0}
        request = Request("/v1/chat/completions", asked, headers)

        def step() -> None:
            for _ in range(requests):
                ends.ask(request, chunks=chunks)

        return step

    for chunks in (0, 1):
        ask(_WARM_UP, chunks)()
    watched.tell("instrumentation", "on")

    def difference(more: Callable[[], None], fewer: Callable[[], None]) -> float:
        """Return the median over some rounds: now and then, Python looks for garbage."""
        rounds = [watched.counted(more) - watched.counted(fewer) for _ in range(_ROUNDS)]
        return statistics.median(rounds) / _REQUESTS

    of_chunks = difference(ask(_REQUESTS, _CHUNKS + _MORE_CHUNKS), ask(_REQUESTS, _CHUNKS))
    return {
        "JSON answer": round(difference(ask(2 * _REQUESTS, 0), ask(_REQUESTS, 0))),
        "stream of one chunk": round(difference(ask(2 * _REQUESTS, 1), ask(_REQUESTS, 1))),
        "chunk": round(of_chunks / _MORE_CHUNKS),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.load.instructions", description=__doc__)
    parser.add_argument("--write", metavar="FILE", help="replace its section about instructions")
    parser.add_argument("--save", action="store_true", help=f"write {_BUDGET.name}")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
