"""The running site of this checkout, for commands that run at the same time.

What its processes were told of the demo upstream and the fake Stripe stands in a file, which is
good for as long as the lock on it is held: the kernel drops that even for a killed process.
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
    """Let ``join_site`` find the variables for as long as this lasts."""
    with _file().open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        json.dump(dict(variables), file)
        file.flush()
        yield


def join_site() -> None:
    """Set what the running site's processes were told, but for what is set already.

    Does nothing where no site runs, or with a database of one's own.
    """
    if os.environ.get("DATABASE_URL") != database_url():
        return
    for name, value in _told().items():
        os.environ.setdefault(name, value)


def _told() -> dict[str, str]:
    with suppress(OSError, ValueError), _file().open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            told: dict[str, str] = json.load(file)
            return told
    return {}


def _file() -> Path:
    return data_dir() / "site.json"
