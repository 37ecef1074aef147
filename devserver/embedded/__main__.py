"""Run a command on the embedded servers: ``python -m devserver.embedded -- COMMAND…``.

It exits with the command's code. ``--profile test`` selects the servers of the tests. ``--status``
lists the running servers, and ``--stop`` stops them, even if they are in use.
"""

import argparse
import os
import signal
import subprocess
import sys
from types import FrameType

from devserver.embedded.errors import EmbeddedError
from devserver.embedded.lifetime import running, servers, stop
from devserver.embedded.places import Profile


def main() -> int:
    options = _parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        if options.status:
            return _show(options.profile)
        if options.stop:
            stop(profile=options.profile)
            return 0
        with running(profile=options.profile) as urls:
            return _run(options.command, urls)
    except (EmbeddedError, FileNotFoundError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command line speaks on its terminal
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devserver.embedded", description=__doc__)
    parser.add_argument("--profile", choices=["run", "test"], default="run")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--status", action="store_true")
    what.add_argument("--stop", action="store_true")
    what.add_argument("command", nargs="*", default=[])
    return parser


def _show(profile: Profile) -> int:
    """Print one line for each server; the exit code is 0 if all are running."""
    found = [(server, server.pid()) for server in servers(profile=profile)]
    for server, pid in found:
        state = f"running (pid {pid})" if pid else "stopped"
        print(f"{server.name:10}{state:24}{server.url}")  # noqa: T201
    return 0 if all(pid for _, pid in found) else 3


def _run(command: list[str], urls: dict[str, str]) -> int:
    """Wait for the command, and pass signals on, including those that arrive during its start."""
    signals = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCHLD)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    child = subprocess.Popen(  # nosec B603  # noqa: S603 - what we are asked for
        command,
        env=os.environ | urls,
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, signals),
    )
    while child.poll() is None:
        number = signal.sigwait(signals)
        if number in (signal.SIGTERM, signal.SIGHUP):  # the command receives Ctrl-C itself
            child.send_signal(number)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
