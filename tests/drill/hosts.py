"""A web host: the product's processes, PgBouncer, and the way to the primary."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.drill.addresses import (
    DATABASE,
    PASSWORD,
    PATRONI,
    POOLER,
    POSTGRES,
    SITE_HOST,
    TO_PRIMARY,
    WEB_PORT,
)
from tests.drill.database import url
from tests.drill.programs import AS_SOMEBODY, DEPLOY, ROOT, Program

READY = "/api/health/ready?require=database,migrations"


class WebHost:
    """One host. ``settings`` are those of the site; ``spool`` is its disk for settlements."""

    def __init__(
        self, name: str, host: str, *, folder: Path, logs: Path, settings: Mapping[str, str]
    ) -> None:
        self.name = name
        self.host = host
        self.spool = folder / name / "spool"
        self._folder = folder / name
        self._folder.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        (self._folder / "password").write_text(PASSWORD)
        self.to_primary = to_primary(f"{name}-to-primary", host, logs)
        somebody = AS_SOMEBODY if os.geteuid() == 0 else []
        self.pooler = Program(
            f"{name}-pgbouncer",
            [*somebody, "sh", str(DEPLOY / "pgbouncer" / "start.sh")],
            logs=logs,
            env={
                "DATABASE_HOST": host,
                "DATABASE_PORT": str(TO_PRIMARY),
                "DATABASE_PASSWORD_FILE": str(self._folder / "password"),
                "LISTEN": host,
                "LISTEN_PORT": str(POOLER),
                "RUN_DIR": str(self._folder / "pgbouncer"),
            },
            ready=lambda: listens(host, POOLER),
        )
        self.settings = {
            **settings,
            "DATABASE_URL": url(host, POOLER),
            "DATABASE_TRANSACTION_POOLER": "true",
            "DATABASE_PASSWORD_FILE": str(self._folder / "password"),
            "SETTLEMENT_SPOOL": str(self.spool),
            "HOST": host,
            "PORT": str(WEB_PORT),
        }
        self.web = self._web()

    def _web(self, *, code: Path = ROOT, before: tuple[str, ...] = (), **env: str) -> Program:
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py"]
        return Program(
            f"{self.name}-web",
            [*before, *gunicorn, "config.asgi:application"],
            logs=self._logs,
            env={**self.settings, **env},
            ready=lambda: listens(self.host, WEB_PORT),
            cwd=code,
        )

    def start(self, **how: object) -> None:
        """Start everything; ``how`` is as for ``serve``."""
        self.to_primary.start()
        self.pooler.start()
        self.serve(**how)  # type: ignore[arg-type]

    def serve(self, *, code: Path = ROOT, before: tuple[str, ...] = (), **env: str) -> None:
        """Start the web server: this code, after another program's words, with more settings."""
        self.web = self._web(code=code, before=before, **env)
        self.web.start()

    def stop(self) -> None:
        self.web.stop(90)
        self.pooler.stop()
        self.to_primary.stop()

    def lose(self) -> None:
        """Kill everything on it at once."""
        for program in (self.web, self.pooler, self.to_primary):
            program.kill()


def to_primary(name: str, host: str, logs: Path) -> Program:
    """Return HAProxy with deploy/haproxy/database.cfg, listening on a host."""
    env = {"BIND": host, "PORT": str(TO_PRIMARY)}
    for number, database in enumerate(DATABASE, start=1):
        env |= {
            f"DB{number}": f"{database}:{POSTGRES}",
            f"API{number}_HOST": database,
            f"API{number}_PORT": str(PATRONI),
        }
    command = ["haproxy", "-db", "-f", str(DEPLOY / "haproxy" / "database.cfg")]
    return Program(name, command, logs=logs, env=env, ready=lambda: listens(host, TO_PRIMARY))


def listens(host: str, port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def health_headers() -> dict[str, str]:
    return {"Host": SITE_HOST, "X-Forwarded-Proto": "https"}
