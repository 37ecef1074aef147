"""The running site of this checkout, for commands that run at the same time.

The variables of its processes for the demo upstream and the fake Stripe are in a file. The file is
valid while its lock is held. The kernel releases the lock even if the process is killed.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from devserver.embedded.places import data_dir, database_url


@contextmanager
def announced(variables: Mapping[str, str]) -> Iterator[None]:
    """Publish the variables for ``join_site`` while this context is open."""
    with _file().open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        json.dump(dict(variables), file)
        file.flush()
        yield


def join_site() -> None:
    """Set the running site's variables, except those that are already set.

    Does nothing if no site is running, or with another database.
    """
    if os.environ.get("DATABASE_URL") != database_url():
        return
    for name, value in _stored().items():
        os.environ.setdefault(name, value)


def _stored() -> dict[str, str]:
    with suppress(OSError, ValueError), _file().open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            stored: dict[str, str] = json.load(file)
            return stored
    return {}


def _file() -> Path:
    return data_dir() / "site.json"
