"""Reference counting of the embedded servers: the first user starts them, the last one stops them.

Each user holds a shared lock on a file, which the kernel drops even for a killed process. Starting,
joining and leaving happen under a second, exclusive lock, so no two of them ever mix. Servers
whose last user was killed live on; whoever comes next finds them, and stops them when it leaves.
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
    """Keep the servers running that no environment variable names, and yield variables.

    They are the servers' URLs and ``development_variables``, for ``os.environ.update``. Raises
    EmbeddedError.
    """
    needed = [each for each in servers(profile=profile) if not env.str(each.variable, "")]
    with ExitStack() as stack:
        for server in needed:
            stack.enter_context(_sharing(server))
        urls = {server.variable: server.url for server in needed}
        yield urls | development_variables(urls)


def ensure(*, profile: Profile = "run") -> None:
    """Run the servers for the rest of this process, and name them in ``os.environ``.

    Does nothing where ``DATABASE_URL`` and ``REDIS_URL`` are set, by us or by anybody: it is safe
    to call twice, and in child processes. Raises EmbeddedError.
    """
    os.environ.update(_held.enter_context(running(profile=profile)))


def stop(*, profile: Profile = "run") -> None:
    """Stop the servers, whoever uses them."""
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
            if os.getpid() == owner:  # a forked child leaves by this way too, and has no share
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
