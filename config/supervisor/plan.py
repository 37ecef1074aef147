"""What is to be started, decided from the environment before anything runs."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

from config.embedded import data_dir
from config.supervisor.errors import StartError
from config.supervisor.probes import first_free, is_free, reachable

PROVIDERS = ("OPENROUTER_API_KEY", "GLAMA_API_KEY", "REQUESTY_API_KEY", "UPSTREAM_BASE_URL")
_UPSTREAM_OFFSET = 10_000
_FIRST_EPHEMERAL_PORT = 32_768


@dataclass(frozen=True)
class Upstream:
    """A local process that serves the models."""

    name: str
    module: str
    options: tuple[str, ...]
    port: int

    key = "demo"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", self.module, "--port", str(self.port), *self.options]

    @property
    def variables(self) -> dict[str, str]:
        return {
            "UPSTREAM_BASE_URL": self.url,
            "UPSTREAM_API_KEY": self.key,
            "UPSTREAM_NAME": self.name,
        }


@dataclass(frozen=True)
class Plan:
    """Where the site will be, and with which processes."""

    host: str
    port: int
    upstream: Upstream | None
    environment: Mapping[str, str]
    """For every child."""

    @property
    def url(self) -> str:
        return f"http://{reachable(self.host)}:{self.port}"

    def with_variables(self, variables: Mapping[str, str]) -> "Plan":
        return replace(self, environment={**self.environment, **variables})

    @property
    def web(self) -> list[str]:
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py"]
        return [*gunicorn, "config.asgi:application"]

    @property
    def worker(self) -> list[str]:
        # Asking for other workers takes a second, and there are none.
        return [*_celery("worker"), "--concurrency", "2", "--without-gossip", "--without-mingle"]

    @property
    def beat(self) -> list[str]:
        return [*_celery("beat"), "-s", str(data_dir() / "celerybeat-schedule"), "--pidfile="]


def make_plan(*, llm: bool, has_own_database: bool) -> Plan:
    """Read the environment. Raises StartError where the port is not to be had."""
    host, port = os.environ.get("HOST", "127.0.0.1"), _port()
    _refuse_taken(host, port)
    upstream = _upstream(port, llm=llm)
    given = dict(os.environ)
    defaults = {"PORT": str(port), "PYTHONUNBUFFERED": "1", "GRACEFUL_TIMEOUT": "10"}
    if not has_own_database:
        defaults["DEBUG"] = "true"
    return Plan(host, port, upstream, defaults | given | (upstream.variables if upstream else {}))


def _celery(role: str) -> list[str]:
    python = [sys.executable, "-W", "ignore:You're running the worker with superuser privileges"]
    return [*python, "-m", "celery", "--quiet", "-A", "config", role, "-l", "info"]


def _port() -> int:
    given = os.environ.get("PORT") or "8000"
    if not given.isdecimal() or not 0 < int(given) < 65_536:
        raise StartError(f"PORT is {given!r}: it must be a number from 1 to 65535.")
    return int(given)


def _refuse_taken(host: str, port: int) -> None:
    try:
        if is_free(host, port):
            return
        other = first_free(host, range(port + 1, 65_536)) or 8000
        raise StartError(f"Port {port} is in use. Try another one: PORT={other} make run")
    except PermissionError as error:
        raise StartError(f"Port {port} is for root only. Try: PORT=8000 make run") from error


def _upstream(port: int, *, llm: bool) -> Upstream | None:
    """A real model if asked for, nothing beside real providers, else the demo upstream."""
    if llm:
        return Upstream("local", "config.supervisor.llm_server", (), _upstream_port(port))
    if any(os.environ.get(name) for name in PROVIDERS):
        return None
    return Upstream("demo", "tests.fakes.upstream", ("--pace", "20"), _upstream_port(port))


def _upstream_port(port: int) -> int:
    """The same for each start, and below the ports that the system gives to clients."""
    wanted = port + _UPSTREAM_OFFSET
    start = wanted if wanted < _FIRST_EPHEMERAL_PORT else 18_000
    found = first_free("127.0.0.1", range(start, _FIRST_EPHEMERAL_PORT))
    if found is None:
        raise StartError("No port is free for the local upstream.")
    return found
