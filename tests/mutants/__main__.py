"""``python -m tests.mutants [python|sql] [files …]``: both parts, or one of them."""

import argparse
import subprocess
import sys

PARTS = ("python", "sql")


def main() -> int:
    """Run each part in a process of its own: Django is set up only for the ledger's."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("part", nargs="?", choices=PARTS, help="by default, both")
    asked, rest = arguments.parse_known_args()
    parts = [asked.part] if asked.part else list(PARTS)
    codes = [
        subprocess.run([sys.executable, "-m", f"tests.mutants.{part}", *rest], check=False)
        for part in parts
    ]
    return max(done.returncode for done in codes)


if __name__ == "__main__":
    sys.exit(main())
