"""``python -m tests.load.soak --minutes 10``: see ``soaking``."""

import argparse
import sys

from tests.load import stage


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.load.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    with stage.database():
        from tests.load import soaking  # Models can be imported only once Django is set up.

        return soaking.run(seconds=options.minutes * 60)


if __name__ == "__main__":
    sys.exit(main())
