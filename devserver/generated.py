"""Pages of docs/ that are written from the code: printed, or written with ``--write``.

tests/docs/test_generated_pages.py compares each of them with its file.
"""

import sys
from pathlib import Path

from core.env import BASE_DIR


def write_or_print(name: str, text: str) -> None:
    """Write docs/<name> if the program was called with ``--write``, otherwise print it."""
    if "--write" in sys.argv[1:]:
        path_of(name).write_text(text)
    else:
        sys.stdout.write(text)


def path_of(name: str) -> Path:
    """Return the file of a page."""
    return BASE_DIR / "docs" / name
