"""``python -m tests.load``: measure, and print or write the tables."""

import argparse
import sys
from pathlib import Path

from tests.load import stage


def main() -> int:
    options = _options()
    with stage.database():
        # Models can be imported only once Django is set up.
        from tests.load import proxy, report, rounds

        proxy.prepare()
        measured, found = rounds.measure(
            rounds=1 if options.quick else options.rounds,
            scale=0.5 if options.quick else 1.0,
            callers=options.callers,
            only=set(options.scenario),
            names=set(options.contender),
        )
    section = report.section(measured, found, callers=options.callers, command=_command())
    sys.stdout.write(section)
    if options.write:
        report.write(Path(options.write), section)
    return 0


def _command() -> str:
    return " ".join(["python -m tests.load", *sys.argv[1:]])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.load", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--callers", type=int, default=16, help="users with a key each")
    parser.add_argument("--scenario", action="append", default=[], metavar="NAME")
    parser.add_argument("--contender", action="append", default=[], metavar="NAME")
    parser.add_argument("--write", metavar="FILE", help="replace its section about the proxy")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
