"""Who is measured: each a command that relays ``/chat/completions`` to the upstream.

Other gateways are in ``tests.load.gateways``. nginx is looked for in the path.
"""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.load.upstream import MODEL

CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Site:
    """Where a run takes place: the upstream's port, a folder for files, and who is to be served."""

    upstream_port: int
    folder: Path
    keys: list[str]

    @property
    def upstream_url(self) -> str:
        return f"http://127.0.0.1:{self.upstream_port}/v1"


@dataclass(frozen=True)
class Contender:
    """How one is started on a port, and addressed."""

    name: str
    command: Callable[[Site, int], list[str]]
    env: Callable[[Site], dict[str, str]] = lambda _: {}
    keys: Callable[[int], list[str]] | None = None
    """Creates keys for its callers, at its port, as soon as it listens."""
    path: str = CHAT
    headers: Callable[[Site], list[dict[str, str]]] = lambda _: [{"Authorization": "Bearer any"}]
    missing: str = ""
    """Why it cannot run here."""
    slow: bool = False
    """It takes most scenarios long: these are given fewer requests."""
    streams: bool = True
    """Whether it can relay a stream of the upstream's."""
    model: str = field(default=MODEL)


def uvicorn(application: str, port: int) -> list[str]:
    options = ["--no-access-log", "--loop", "uvloop", "--http", "httptools", "--lifespan", "off"]
    where = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    return [sys.executable, "-m", "uvicorn", application, *options, *where]


def _upstream_env(site: Site) -> dict[str, str]:
    return {"UPSTREAM_BASE_URL": site.upstream_url}


def bare() -> Contender:
    return Contender(
        "bare ASGI",
        command=lambda _, port: uvicorn("tests.load.apps.bare:application", port),
        env=_upstream_env,
    )


def stock() -> Contender:
    return Contender(
        "stock Django + httpx",
        command=lambda _, port: uvicorn("tests.load.apps.stock:application", port),
        env=_upstream_env,
        slow=True,
    )


def nginx() -> Contender:
    program = os.environ.get("BENCH_NGINX") or shutil.which("nginx", path=_WITH_SBIN)

    def command(site: Site, port: int) -> list[str]:
        config = site.folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=site.folder, port=port, upstream=site.upstream_port))
        return [program or "", "-e", "stderr", "-c", str(config)]

    missing = "" if program else "not installed"
    return Contender("nginx", command=command, missing=missing)


_WITH_SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])

_NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/nginx-body;
  proxy_temp_path {folder}/nginx-proxy;
  fastcgi_temp_path {folder}/nginx-fastcgi;
  uwsgi_temp_path {folder}/nginx-uwsgi;
  scgi_temp_path {folder}/nginx-scgi;
  keepalive_requests 1000000;
  upstream far {{ server 127.0.0.1:{upstream}; keepalive 1024; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://far;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }}
  }}
}}
"""
