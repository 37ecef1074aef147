"""``python -m tests.drill --rate 100 --scenes primary,valkey``: see the package."""

import argparse
import os
import signal
import sys
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("DATA_DIR", ".data/drill")

from devserver import embedded
from tests.drill import programs
from tests.drill.site import Site
from tests.fakes.upstream_process import UpstreamProcess


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.drill", description=__doc__)
    parser.add_argument("--rate", type=float, default=50.0, help="short requests per second")
    parser.add_argument("--streams", type=int, default=10, help="long streams beside them")
    parser.add_argument("--scenes", default="", help="names, separated by commas; all by default")
    parser.add_argument("--write", type=Path, help="the page whose table is replaced")
    parser.add_argument(
        "--if-possible", action="store_true", help="without the programs, say so and succeed"
    )
    options = parser.parse_args()
    if lacking := programs.missing():
        sys.stderr.write(f"The drill needs programs of the system: {lacking}\n")
        return 0 if options.if_possible else 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # Not without ending the servers.
    with UpstreamProcess() as upstream, Site(embedded.data_dir() / "site", upstream) as site:
        import django

        django.setup()
        from tests.drill import running  # Needs Django's settings.

        return running.run(site, options)


if __name__ == "__main__":
    sys.exit(main())
