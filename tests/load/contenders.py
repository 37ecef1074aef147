"""Who is measured: each a command that relays ``/chat/completions`` to the upstream.

Foreign gateways are measured where they are installed: ``--litellm`` and ``--portkey`` (or
``BENCH_LITELLM`` and ``BENCH_PORTKEY``) name their executables, nginx is looked for in the path.

    uv venv litellm && uv pip install --python litellm/bin/python 'litellm[proxy]'
    npm install @portkey-ai/gateway      # BENCH_PORTKEY=…/gateway/build/start-server.js, Node 24
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
    path: str = CHAT
    headers: Callable[[Site], list[dict[str, str]]] = lambda _: [{"Authorization": "Bearer any"}]
    missing: str = ""
    """Why it cannot run here."""
    slow: bool = False
    """It takes most scenarios long: these are given fewer requests."""
    streams: bool = True
    """Whether it can relay a stream of the upstream's."""
    model: str = field(default=MODEL)


def everybody(proxy: Contender) -> list[Contender]:
    """Return all contenders, ours first, also those that are not installed."""
    return [proxy, bare(), stock(), _nginx(), _portkey(), _litellm()]


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


def _nginx() -> Contender:
    program = os.environ.get("BENCH_NGINX") or shutil.which("nginx", path=_WITH_SBIN)

    def command(site: Site, port: int) -> list[str]:
        config = site.folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=site.folder, port=port, upstream=site.upstream_port))
        return [program or "", "-e", "stderr", "-c", str(config)]

    missing = "" if program else "not installed"
    return Contender("nginx", command=command, missing=missing)


def _portkey() -> Contender:
    script = os.environ.get("BENCH_PORTKEY", "")
    node = shutil.which("node")

    def headers(site: Site) -> list[dict[str, str]]:
        names = {"x-portkey-provider": "openai", "x-portkey-custom-host": site.upstream_url}
        return [{"Authorization": "Bearer any", **names}]

    return Contender(
        "Portkey gateway",
        command=lambda _, port: [node or "", script, f"--port={port}", "--headless"],
        env=lambda _: {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"},
        headers=headers,
        missing="" if node and Path(script).is_file() else "not installed",
        streams=False,  # 1.15 on Node 24 answers 500 to each: "TypeError: immutable"
    )


def _litellm() -> Contender:
    program = os.environ.get("BENCH_LITELLM", "")

    def command(site: Site, port: int) -> list[str]:
        config = site.folder / "litellm.yaml"
        config.write_text(_LITELLM.format(model=MODEL, upstream=site.upstream_url))
        where = ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        return [program, "--config", str(config), *where]

    return Contender(
        "LiteLLM proxy",
        command=command,
        env=lambda _: _LITELLM_ENV,
        missing="" if Path(program).is_file() else "not installed",
        slow=True,
    )


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

_LITELLM_ENV = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # It asks for no key then.
}

_LITELLM = """
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/{model}
      api_base: {upstream}
      api_key: any
litellm_settings:
  telemetry: false
"""
