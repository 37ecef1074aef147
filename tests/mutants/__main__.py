"""``python -m tests.mutants [pure|callers|sql] [files …]``: every part, or one of them."""

import argparse
import os
import subprocess
import sys

# The servers for the parts that need a database. The pure modules have not even Django.
_SERVERS = ["-m", "devserver.embedded", "--profile", "test", "--", sys.executable]
PARTS = {
    "pure": ["-m", "tests.mutants.python", "pure"],
    "callers": [*_SERVERS, "-m", "tests.mutants.python", "callers"],
    "sql": [*_SERVERS, "-m", "tests.mutants.sql"],
}


def main() -> int:
    """Run each part in a process of its own."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("part", nargs="?", choices=PARTS, help="by default, both")
    asked, rest = arguments.parse_known_args()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    codes = [
        subprocess.run([sys.executable, *PARTS[part], *rest], env=environment, check=False)
        for part in ([asked.part] if asked.part else PARTS)
    ]
    return max(done.returncode for done in codes)


if __name__ == "__main__":
    sys.exit(main())
