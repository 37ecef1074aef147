"""A PostgreSQL of its own that archives to pgBackRest, with the product's tables.

pgBackRest has to know the version of the server: it is Debian's own, not the embedded one.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg

from devserver.embedded.postgres import launcher
from tests.webserver import ROOT

PASSPHRASE = "a passphrase of the tests"


def postgres_binaries() -> Path | None:
    """Return the newest of Debian's versions of PostgreSQL, None without any."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


class Cluster:
    """A running server in a folder. ``stop`` it."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries = folder, binaries
        self.data, self.repository = folder / "data", folder / "repository"
        for made in (self.repository, folder / "lock", folder / "spool", folder / "sockets"):
            made.mkdir()
        self.url = f"postgresql://tokengate@/tokengate?host={folder / 'sockets'}"
        self._configure_pgbackrest()
        self.run(
            str(binaries / "initdb"), "-D", str(self.data), "-U", "tokengate", "--auth=trust",
            "--encoding=UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        settings = (ROOT / "deploy" / "backup" / "postgresql.conf").read_text()
        config = self.data / "postgresql.conf"
        config.write_text(
            f"{config.read_text()}\n{settings}\nlisten_addresses = ''\nfsync = off\n"
            f"unix_socket_directories = '{folder / 'sockets'}'\n"
        )
        self.process = subprocess.Popen(
            [*launcher(), str(binaries / "postgres"), "-D", str(self.data)],
            env=self.environment,
            stderr=(folder / "log").open("wb"),
            start_new_session=True,
        )
        self._wait()
        self.run(
            str(binaries / "createdb"),
            "-h",
            str(folder / "sockets"),
            "-U",
            "tokengate",
            "tokengate",
        )
        self.manage("migrate", "-v0")
        self.run("pgbackrest", "--stanza=tokengate", "stanza-create")

    @property
    def environment(self) -> dict[str, str]:
        """What the scripts and PostgreSQL are given, as /etc/tokengate/backup.env would."""
        manage = f"{sys.executable} {ROOT / 'manage.py'}"
        return {
            **os.environ,
            "PGBACKREST_CONFIG": str(self.folder / "pgbackrest.conf"),
            "PGBACKREST_REPO1_CIPHER_PASS": PASSPHRASE,
            "PG_BIN": str(self.binaries),
            "MANAGE": manage,
            "VERIFY_DIR": str(self.folder / "verify"),
            "DATABASE_URL": self.url,
        }

    def _configure_pgbackrest(self) -> None:
        """Use the configuration that we ship, with the folders of this test."""
        text = (ROOT / "deploy" / "backup" / "pgbackrest.conf").read_text()
        for setting, folder in (
            ("repo1-path=/var/lib/pgbackrest", self.repository),
            ("pg1-path=/var/lib/postgresql/data", self.data),
            ("pg1-socket-path=/var/run/postgresql", self.folder / "sockets"),
        ):
            assert setting in text
            text = text.replace(setting, f"{setting.partition('=')[0]}={folder}")
        text = text.replace("pg1-user=postgres", "pg1-user=tokengate\npg1-database=tokengate")
        text = text.replace(
            "[global]",
            f"[global]\nlock-path={self.folder / 'lock'}\nspool-path={self.folder / 'spool'}",
        )
        (self.folder / "pgbackrest.conf").write_text(text)

    def _wait(self) -> None:
        ready = [str(self.binaries / "pg_isready"), "-h", str(self.folder / "sockets"), "-t", "60"]
        for _ in range(600):
            if subprocess.run(ready, capture_output=True).returncode == 0:
                return
            if self.process.poll() is not None:
                break
        raise RuntimeError((self.folder / "log").read_text())

    def run(self, *command: str, **env: str) -> str:
        """Run a program as the user of PostgreSQL; return what it writes. It has to succeed."""
        ran = self.attempt(*command, **env)
        assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    def attempt(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, **env}
        return subprocess.run(
            [*launcher(), *command], env=environment, cwd=ROOT, capture_output=True, text=True
        )

    def manage(self, *arguments: str) -> str:
        return self.run(sys.executable, "manage.py", *arguments)

    def script(self, name: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts of deploy/backup."""
        return self.attempt(str(ROOT / "deploy" / "backup" / name), *arguments, **env)

    def spend(self, requests: int) -> None:
        """Have a new user spend tokens by so many requests."""
        self.run(sys.executable, "-m", "tests.backup.spending", str(requests))

    def value(self, query: str) -> str:
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
            return "" if row is None else str(row[0])

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)
