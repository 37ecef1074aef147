"""The site of the drill: every server and host, started in order, with the files of deploy/."""

import os
import secrets
import shutil
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devserver import embedded
from tests.drill import database, former
from tests.drill.addresses import (
    EDGE,
    HTTP,
    HTTPS,
    SITE_HOST,
    TO_PRIMARY,
    VALKEY,
    WEB,
    WEB_PORT,
)
from tests.drill.certificates import Authority
from tests.drill.database import PostgresServers
from tests.drill.hosts import READY, WebHost, health_headers, listens, to_primary
from tests.drill.programs import DEPLOY, ROOT, Program, wait_until
from tests.fakes.upstream_process import UpstreamProcess
from tests.valkey_servers import Cluster, Node, Watched


class Site:
    """Everything of it. The servers run from ``with`` on, the hosts from ``start_hosts`` on."""

    def __init__(self, folder: Path, upstream: UpstreamProcess) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True)
        self.upstream = upstream
        self.authority = Authority(folder)
        self.certificate = folder / "site.pem"
        self.authority.issue(self.certificate)
        self.postgres = PostgresServers(folder, self.logs)
        self.to_primary = to_primary("edge-to-primary", EDGE, self.logs)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start_servers()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _start_servers(self) -> None:
        valkey = self.folder / "valkey"
        self._stack.callback(self.postgres.stop)
        self.postgres.start()
        self.watched = Watched(valkey / "watched", sentinels=3, hosts=VALKEY)
        self._stack.callback(self.watched.close)
        self.cluster = Cluster(valkey / "cluster", replicas=True, hosts=VALKEY)
        self._stack.callback(self.cluster.close)
        self.plain = Node(valkey / "plain", host=VALKEY[0])  # for the version before clusters
        self._stack.callback(self.plain.close)
        self._start(self.to_primary)
        # What every process of the product is told. EMBEDDED_SERVERS: none of them.
        self.settings = {
            "CI": "true",
            "EMBEDDED_SERVERS": "",
            "DEBUG": "false",
            "LOG_LEVEL": "WARNING",
            "SECRET_KEY": secrets.token_urlsafe(64),
            "IDP_OIDC_PRIVATE_KEY": embedded.development_rsa_key(),
            "ALLOWED_HOSTS": SITE_HOST,
            "TRUSTED_PROXY": "true",
            "STAFF_MFA_REQUIRED": "false",
            "REDIS_URL": self.cluster.url,
            "QUEUE_REDIS_URL": self.watched.url,
            "OPENROUTER_BASE_URL": self.upstream.url,
            "OPENROUTER_API_KEY": "any",
            "WEB_CONCURRENCY": "1",
            "RESERVATION_TTL": "12",
            "GRACEFUL_TIMEOUT": "60",
            "DATABASE_URL": database.url_with_password(EDGE, TO_PRIMARY),
        }
        os.environ.update(self.settings)

    def start_hosts(self, former_code: Path | None = None) -> None:
        """Start the web hosts, worker, beat and the load balancer; the database is migrated.

        With the code of a former version, they start as ``former`` says.
        """
        self.hosts = [
            WebHost(
                f"web{number}", host, folder=self.folder, logs=self.logs, settings=self.settings
            )
            for number, host in enumerate(WEB, start=1)
        ]
        for host in self.hosts:
            self._stack.callback(host.stop)
            host.start(**self.former(host.host, former_code) if former_code else {})
        self.start_jobs(former_code)
        self.edge = self.balancer()
        self._start(self.edge)
        wait_until(lambda: all(self.serving()), "both web hosts")

    def former(self, host: str, code: Path) -> dict[str, Any]:
        """Return how a version that knows less is started on a host: its code, and settings."""
        return {"code": code, **former.settings(host, f"redis://{self.plain.address}/0")}

    def start_jobs(self, former_code: Path | None = None) -> None:
        """Start worker and beat."""
        env, code = self.settings, ROOT
        if former_code:
            how = self.former(EDGE, former_code)
            code = how.pop("code")
            env = {**env, **how}
        celery = [sys.executable, "-m", "celery", "--quiet", "-A", "config"]
        schedule = ["--schedule", str(self.folder / "beat"), "--pidfile="]
        words = {"worker": ["worker", "--concurrency", "1"], "beat": ["beat", *schedule]}
        self.worker, self.beat = (
            Program(name, [*celery, *words[name]], logs=self.logs, env=env, cwd=code)
            for name in ("worker", "beat")
        )
        self._start(self.worker)
        self._start(self.beat)

    def _start(self, program: Program) -> None:
        self._stack.callback(program.stop)
        program.start()

    def balancer(self) -> Program:
        """Return HAProxy with deploy/haproxy/haproxy.cfg."""
        env = {
            "BIND": EDGE,
            "HTTP_PORT": str(HTTP),
            "HTTPS_PORT": str(HTTPS),
            "CERTIFICATES": str(self.certificate),
            "SITE_HOST": SITE_HOST,
            "RUN_DIR": str(self.folder),
        }
        env |= {f"WEB{n}": f"{host}:{WEB_PORT}" for n, host in enumerate(WEB, start=1)}
        command = ["haproxy", "-W", "-db", "-f", str(DEPLOY / "haproxy" / "haproxy.cfg")]
        return Program(
            "haproxy", command, logs=self.logs, env=env, ready=lambda: listens(EDGE, HTTPS)
        )

    def reload_balancer(self) -> None:
        """Have HAProxy read its certificate again; its running streams go on."""
        self.edge.send(signal.SIGUSR2)

    def ask_balancer(self, command: str) -> str:
        """Run a command on HAProxy's socket of administration."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.folder / "haproxy.sock"))
            client.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: client.recv(65536), b"")).decode()

    def servers(self) -> dict[str, dict[str, str]]:
        """Return HAProxy's statistics of each web server."""
        head, *lines = self.ask_balancer("show stat").strip().splitlines()
        names = head.removeprefix("# ").split(",")
        rows = [dict(zip(names, line.split(","), strict=False)) for line in lines]
        return {row["svname"]: row for row in rows if row["pxname"] == "web"}

    def serving(self) -> list[bool]:
        """Tell of each web host whether HAProxy sends requests to it."""
        found = self.servers()
        return [found[f"web{n}"]["status"] == "UP" for n in (1, 2)]

    def is_up(self) -> bool:
        return all(self.serving())

    def spools(self) -> list[Path]:
        return [host.spool for host in self.hosts]


__all__ = ["READY", "ROOT", "Site", "health_headers"]
