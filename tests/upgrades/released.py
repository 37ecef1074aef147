"""``python -m tests.upgrades.released``: list the migrations of a release, with their digests.

A released migration has run on databases that nobody here can reach, so it never changes, nor does
the SQL that it installs. ``released.sha256`` lists all of them in the format of ``sha256sum``;
``test_released_migrations.py`` refuses a change. At a release this adds the new ones. It changes no
line that is there already.
"""

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = Path(__file__).with_name("released.sha256")
APPS = ("accounts", "adminpanel", "apikeys", "billing", "core", "llmproxy", "tokens")


def present() -> dict[str, str]:
    """Return the digest of every migration, and of the SQL beside it, by its path."""
    files = {
        file
        for app in APPS
        for folder in (ROOT / app).glob("*migrations")
        for file in folder.rglob("*")
        if file.suffix in {".py", ".sql"} and file.name != "__init__.py"
    }
    return {
        file.relative_to(ROOT).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(files)
    }


def sources() -> list[Path]:
    """Return today's SQL of the apps whose migrations install SQL."""
    apps = {folder.parents[1] for folder in ROOT.glob("*/migrations/sql")}
    return sorted(file for app in apps for file in (app / "sql").glob("*.sql"))


def released() -> dict[str, str]:
    """Return the digests of what has been released, by path."""
    lines = MANIFEST.read_text().splitlines()
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines)}


def add_new() -> list[str]:
    """List what is not listed yet; return its paths."""
    listed = released()
    new = {path: digest for path, digest in present().items() if path not in listed}
    lines = [f"{digest}  {path}\n" for path, digest in sorted((listed | new).items())]
    MANIFEST.write_text("".join(lines))
    return sorted(new)


if __name__ == "__main__":
    for path in add_new():
        sys.stdout.write(f"{path}\n")
