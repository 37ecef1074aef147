"""Programs that the drill runs: of Debian, of `.drill`, and of the development requirements."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
import redis

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
BIN = ROOT / ".drill" / "bin"  # `make drill` installs requirements/drill.txt there.
# program -> Debian package
_OF_DEBIAN = {
    "haproxy": "haproxy",
    "pgbouncer": "pgbouncer",
    "etcd": "etcd-server",
    "faketime": "faketime",
    "pebble": "pebble",
    "openssl": "openssl",
    "unshare": "util-linux",
}
_START_SECONDS = 60.0
_END_SECONDS = 20.0
# PostgreSQL and PgBouncer refuse to be root: devserver/embedded/postgres.py.
AS_SOMEBODY = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


def missing() -> str:
    """Return what to install before the drill can run; empty if nothing is missing."""
    packages = [package for program, package in _OF_DEBIAN.items() if not shutil.which(program)]
    return f"apt-get install {' '.join(packages)}" if packages else ""


class Program:
    """A process with a log file, and a group of its own."""

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        logs: Path,
        env: Mapping[str, str] | None = None,
        ready: Callable[[], bool] | None = None,
        cwd: Path = ROOT,
    ) -> None:
        self.name = name
        self.env = dict(env or {})
        self.command = command
        self.cwd = cwd
        self._log = logs / f"{name}.log"
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, wait: bool = True) -> None:
        if self._ready and self._ready():
            raise RuntimeError(f"in the place of {self.name}, something is running already")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until it serves. Raises ``RuntimeError`` if it ends, or takes too long."""

        def serves() -> bool:
            if not self.is_running:
                raise RuntimeError(f"{self.name} ended: see {self._log}")
            return self._ready is None or self._ready()

        wait_until(serves, f"{self.name} (see {self._log})", seconds=_START_SECONDS)

    def stop(self, seconds: float = _END_SECONDS) -> None:
        """Ask it to end, and after a while make it, and what it has left."""
        if self.is_running:
            self.send(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End it and its children at once, as the loss of its host would."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def send_to_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def wait(self, seconds: float) -> None:
        assert self._process is not None
        self._process.wait(seconds)


def answers(url: str, status: int = 200) -> bool:
    """Tell whether a URL answers with this status."""
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == status
    except httpx.HTTPError:
        return False


def wait_until(condition: Callable[[], bool], what: str, *, seconds: float = 120.0) -> None:
    """Wait for a condition; errors of a connection count as no. Raises ``RuntimeError``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError, httpx.HTTPError, psycopg.Error, redis.RedisError):
            if condition():
                return
        time.sleep(0.1)
    raise RuntimeError(f"{what}: not within {seconds:.0f} seconds")
