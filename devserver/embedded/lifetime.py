"""Reference counting of the embedded servers: the first user starts them, the last one stops them.

Each user holds a shared lock on a file, which the kernel releases even if the process is killed.
Starting, joining and leaving are serialized by a second, exclusive lock. If the last user of the
servers is killed, they keep running. The next user joins them, and stops them when it leaves.
"""

import atexit
import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from core.env import env
from devserver.embedded.environment import development_variables
from devserver.embedded.folders import make_private
from devserver.embedded.places import Profile, places
from devserver.embedded.postgres import Postgres
from devserver.embedded.server import Server
from devserver.embedded.valkey import Valkey

_held = ExitStack()


def servers(*, profile: Profile = "run") -> list[Server]:
    return [kind(places(profile=profile)) for kind in (Postgres, Valkey)]


@contextmanager
def running(*, profile: Profile = "run") -> Iterator[dict[str, str]]:
    """Run the servers whose environment variables are unset, and yield variables.

    These are the servers' URLs and ``development_variables``, for ``os.environ.update``. Raises
    EmbeddedError.
    """
    needed = [each for each in servers(profile=profile) if not env.str(each.variable, "")]
    with ExitStack() as stack:
        for server in needed:
            stack.enter_context(_sharing(server))
        urls = {server.variable: server.url for server in needed}
        yield urls | development_variables(urls)


def ensure(*, profile: Profile = "run") -> None:
    """Run the servers for the rest of this process, and set their URLs in ``os.environ``.

    Does nothing if ``DATABASE_URL`` and ``REDIS_URL`` are set, so it can be called twice and in
    child processes. Raises EmbeddedError.
    """
    os.environ.update(_held.enter_context(running(profile=profile)))


def stop(*, profile: Profile = "run") -> None:
    """Stop the servers, even if they are in use."""
    for server in servers(profile=profile):
        if server.places.home.exists():
            with _alone(server):
                server.stop()


@contextmanager
def _sharing(server: Server) -> Iterator[None]:
    for folder in (server.places.data, server.places.home):
        make_private(folder)
    owner = os.getpid()
    with _lock_file(server, "users") as users:
        try:
            with _alone(server):
                fcntl.flock(users, fcntl.LOCK_SH)
                server.start()
            yield
        finally:
            if os.getpid() == owner:  # a forked child also exits here, without a lock of its own
                with _alone(server):
                    _stop_if_last(server, users)


def _stop_if_last(server: Server, users: IO[bytes]) -> None:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    server.stop()


@contextmanager
def _alone(server: Server) -> Iterator[None]:
    with _lock_file(server, "start") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _lock_file(server: Server, kind: str) -> IO[bytes]:
    return Path(server.places.home / f"{server.name}.{kind}").open("ab")


atexit.register(_held.close)
