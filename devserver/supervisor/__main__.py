"""``make run``: runs the embedded servers, the setup, and every process, until Ctrl-C."""

import argparse
import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.env import BASE_DIR
from devserver.embedded import EmbeddedError, announced, data_dir, running
from devserver.embedded.folders import make_private
from devserver.supervisor.boot import Boot
from devserver.supervisor.console import Console
from devserver.supervisor.errors import StartError
from devserver.supervisor.family import Family
from devserver.supervisor.plan import Plan, make_plan


def main() -> int:
    options = _options()
    os.chdir(BASE_DIR)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return _run(llm=options.llm, verbose=options.verbose)
    except (StartError, EmbeddedError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command line speaks on its terminal
        return 1
    except KeyboardInterrupt:
        return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devserver.supervisor", description=__doc__)
    parser.add_argument("--llm", action="store_true", help="serve a real, small language model")
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="show the set-up's output, and a line for each webhook",
    )
    return parser.parse_args()


def _run(*, llm: bool, verbose: bool) -> int:
    has_own_database = bool(os.environ.get("DATABASE_URL"))
    with _only_one(data_dir()):
        plan = make_plan(llm=llm, has_own_database=has_own_database, verbose=verbose)
        with running() as urls:
            plan = plan.with_variables(urls)
            with announced(plan.variables):
                code = asyncio.run(_live(plan, verbose=verbose))
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)  # let the embedded servers stop
            return code


async def _live(plan: Plan, *, verbose: bool) -> int:
    family = Family(Console())
    return await family.live(Boot(family, plan, verbose=verbose))


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the lock of this data folder. Raises StartError if another process holds it."""
    make_private(folder)
    with (folder / "run.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise StartError(
                f"`make run` is already running in this checkout (pid {lock.read()})."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


if __name__ == "__main__":
    sys.exit(main())
