"""The stage of a run: its own embedded servers, and which core is whose.

Imported before Django's settings are: they read where the servers are.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# What a run leaves behind is none of `make run`'s.
os.environ.setdefault("DATA_DIR", ".data/bench")

import django

from devserver import embedded


def cores() -> tuple[int | None, int | None]:
    """Return the server's core, and that of all else, where there are two to choose from."""
    return (0, 1) if (os.cpu_count() or 1) > 1 else (None, None)


def folder() -> Path:
    """Return where the servers' logs go, which are begun anew."""
    found = embedded.data_dir() / "load"
    found.mkdir(parents=True, exist_ok=True)
    for log in found.glob("*.log"):
        log.unlink()
    return found


@contextmanager
def database() -> Iterator[None]:
    """Start PostgreSQL and Valkey, beside the load, and set Django up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # Not without ending the servers.
    _, core = cores()
    if core is not None:
        os.sched_setaffinity(0, {core})
    with embedded.running() as variables:
        os.environ.update(variables)
        django.setup()
        yield
