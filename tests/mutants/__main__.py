"""``python -m tests.mutants [python|sql] [files …]``: both parts, or one of them."""

import argparse
import os
import subprocess
import sys

# The ledger's part needs a database; the other one must not have Django.
PARTS = {
    "python": ["-m", "tests.mutants.python"],
    "sql": [
        *("-m", "devserver.embedded", "--profile", "test", "--"),
        *(sys.executable, "-m", "tests.mutants.sql"),
    ],
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
