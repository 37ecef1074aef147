"""The real web server as a process: gunicorn with our configuration, on a test's database."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO

import httpx
from django.db import connection

from tests.fakes.upstream_process import UpstreamProcess
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent


class WebServer:
    """`gunicorn config.asgi` with one worker, unless told otherwise.

    ``env`` overrides settings; ``log`` is a file for what it would write to stderr; ``app`` may be
    an application around ours.
    """

    def __init__(
        self,
        env: dict[str, str],
        *,
        workers: int = 1,
        port: int | None = None,
        log: IO[bytes] | None = None,
        app: str = "config.asgi:application",
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.base_url = f"{self.url}/api/llm"
        given = {"PORT": str(self.port), "WEB_CONCURRENCY": str(workers), **env}
        command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py"]
        self.process = subprocess.Popen(
            [*command, app],
            cwd=ROOT,
            env=environment(given),
            stderr=log,
            start_new_session=True,
        )
        until_it_answers(self.process, f"{self.url}/api/health")

    def kill(self) -> None:
        """End every process of the server at once, as a crash of the machine would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end, as an operator would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=120)

    def __enter__(self) -> "WebServer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def environment(env: dict[str, str]) -> dict[str, str]:
    """Return a web server's environment on the database of the tests; ``env`` overrides it."""
    return {
        **os.environ,
        "DATABASE_URL": database_url(connection.settings_dict["NAME"]),
        "DEBUG": "true",
        "LOG_LEVEL": "WARNING",
        **env,
    }


def until_it_answers(process: subprocess.Popen[bytes], url: str, *, seconds: float = 180.0) -> None:
    """Wait until a process answers at this address. Raises ``RuntimeError`` if it never does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            httpx.get(url, timeout=60, trust_env=False).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not answer")


def database_url(name: str) -> str:
    """Return the URL of another database on the server of the tests."""
    settings = connection.settings_dict
    host = settings.get("HOST") or settings["OPTIONS"].get("host", "")
    user = settings["USER"]
    if str(host).startswith("/"):
        return f"postgresql://{user}@/{name}?host={host}"
    password, port = settings["PASSWORD"], settings["PORT"] or 5432
    return f"postgresql://{user}:{password}@{host}:{port}/{name}"


def demo_server(upstream: UpstreamProcess, **env: str) -> WebServer:
    """Start a web server whose only provider is the demo upstream."""
    return WebServer({**demo_settings(upstream), **env})


def demo_settings(upstream: UpstreamProcess) -> dict[str, str]:
    """Return what makes the demo upstream a web server's only provider."""
    return {
        "UPSTREAM_BASE_URL": upstream.url,
        "UPSTREAM_API_KEY": "demo",
        "UPSTREAM_NAME": "demo",
        "CATALOG_SECONDS": "0",
        "BREAKER_FAILURES": "0",  # Tests break it on purpose.
    }
