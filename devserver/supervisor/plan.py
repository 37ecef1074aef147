"""Deciding from the environment which processes to start."""

import hashlib
import os
import sys
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass, replace

from devserver.embedded import data_dir, development_secret
from devserver.supervisor.errors import StartError
from devserver.supervisor.probes import first_free, is_free, reachable

PROVIDERS = ("OPENROUTER_API_KEY", "GLAMA_API_KEY", "REQUESTY_API_KEY", "UPSTREAM_BASE_URL")
_UPSTREAM_OFFSET = 10_000
_STRIPE_OFFSET = 11_000
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
class FakeStripe:
    """A local process that replaces Stripe, accepts test cards, and sends webhooks to the site."""

    port: int
    webhook: str

    key = "sk_test_" + "tokengatedemo" + "0" * 11

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def secret(self) -> str:
        return "whsec_" + hashlib.sha256(development_secret().encode()).hexdigest()

    @property
    def command(self) -> list[str]:
        command = [sys.executable, "-m", "devserver.stripe", "--port", str(self.port)]
        state = str(data_dir() / "stripe.json")
        return [*command, "--webhook", self.webhook, "--secret", self.secret, "--state", state]

    @property
    def variables(self) -> dict[str, str]:
        return {
            "STRIPE_SECRET_KEY": self.key,
            "STRIPE_WEBHOOK_SECRET": self.secret,
            "STRIPE_API_BASE": self.url,
        }


@dataclass(frozen=True)
class Plan:
    """The address and the processes of the site."""

    host: str
    port: int
    upstream: Upstream | None
    stripe: FakeStripe | None
    environment: Mapping[str, str]
    """The variables for every child."""

    @property
    def url(self) -> str:
        return f"http://{reachable(self.host)}:{self.port}"

    @property
    def has_stripe_key(self) -> bool:
        return bool(self.environment.get("STRIPE_SECRET_KEY"))

    @property
    def variables(self) -> dict[str, str]:
        """The variables for commands that run while the site is running."""
        ours = ChainMap(*[child.variables for child in (self.upstream, self.stripe) if child])
        return {**ours, "PORT": str(self.port)}

    def with_variables(self, variables: Mapping[str, str]) -> "Plan":
        return replace(self, environment={**self.environment, **variables})

    @property
    def web(self) -> list[str]:
        gunicorn = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py"]
        return [*gunicorn, "config.asgi:application"]

    @property
    def worker(self) -> list[str]:
        # Looking for other workers takes a second, and there are none.
        return [*_celery("worker"), "--concurrency", "2", "--without-gossip", "--without-mingle"]

    @property
    def beat(self) -> list[str]:
        return [*_celery("beat"), "-s", str(data_dir() / "celerybeat-schedule"), "--pidfile="]


def make_plan(*, llm: bool, has_own_database: bool, verbose: bool) -> Plan:
    """Read the environment. Raises StartError if the port is not available."""
    host, port = os.environ.get("HOST", "127.0.0.1"), _port()
    _refuse_taken(host, port)
    upstream = _upstream(port, llm=llm)
    stripe = None if has_own_database else _stripe(host, port)
    given = dict(os.environ)
    defaults = {"PYTHONUNBUFFERED": "1", "GRACEFUL_TIMEOUT": "10"}
    if not verbose:
        defaults["LOG_WEBHOOKS"] = "false"
    if not has_own_database:
        defaults["DEBUG"] = "true"
    plan = Plan(host, port, upstream, stripe, ChainMap(given, defaults))
    return plan.with_variables(plan.variables)


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
    """A real model if requested, nothing with real providers, else the demo upstream."""
    if llm:
        return Upstream(
            "local", "devserver.supervisor.llm_server", (), _near(port, _UPSTREAM_OFFSET)
        )
    if any(os.environ.get(name) for name in PROVIDERS):
        return None
    return Upstream("demo", "devserver.upstream", ("--pace", "20"), _near(port, _UPSTREAM_OFFSET))


def _stripe(host: str, port: int) -> FakeStripe | None:
    """Nothing with a real key, else the fake Stripe."""
    if os.environ.get("STRIPE_SECRET_KEY"):
        return None
    webhook = f"http://{reachable(host)}:{port}/api/stripe/webhook/"
    return FakeStripe(_near(port, _STRIPE_OFFSET), webhook)


def _near(port: int, offset: int) -> int:
    """The same ports for each start, below the range that the system assigns to clients."""
    wanted = port + offset
    start = wanted if wanted < _FIRST_EPHEMERAL_PORT else 8_000 + offset
    found = first_free("127.0.0.1", range(start, _FIRST_EPHEMERAL_PORT))
    if found is None:
        raise StartError("No port is free for the processes beside the site.")
    return found
