"""``python -m tests.load.chaos --seconds 60``: see the package."""

import argparse
import os
import sys

from tests.fakes.upstream_process import UpstreamProcess

os.environ.setdefault("DATA_DIR", ".data/chaos")  # What is crashed here is nobody else's.

from tests.load import stage


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.load.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each of the two loads")
    parser.add_argument("--seed", type=int, help="breaks the same things in the same order")
    options = parser.parse_args()
    with UpstreamProcess() as upstream:
        # The provider that can be asked later what a request used; Django reads it as it starts.
        os.environ |= {"OPENROUTER_BASE_URL": upstream.url, "OPENROUTER_API_KEY": "any"}
        with stage.database():
            from tests.load.chaos import scenes  # Needs Django's settings.

            return scenes.run(upstream, seconds=options.seconds, seed=options.seed)


if __name__ == "__main__":
    sys.exit(main())
