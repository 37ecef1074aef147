"""Other gateways, measured where they are installed.

    uv venv litellm && uv pip install --python litellm/bin/python 'litellm[proxy]'
    uv venv any-llm && uv pip install --python any-llm/bin/python 'any-llm-sdk[gateway,openai]<1.14'
    npm install @portkey-ai/gateway      # Node 24

``BENCH_LITELLM`` (litellm/bin/litellm), ``BENCH_ANY_LLM`` (any-llm/bin/any-llm-gateway) and
``BENCH_PORTKEY`` (node_modules/@portkey-ai/gateway/build/start-server.js) say where they are. Each
does as much of what this proxy does as it can: LiteLLM asks for its master key (its virtual keys
and spend need engines of Prisma, which are not on the package indexes); any-llm has keys, prices
and spend in PostgreSQL; Portkey's gateway has neither.
"""

import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg import sql

from tests.load.contenders import Contender, Site
from tests.load.upstream import MODEL

_MASTER_KEY = "sk-bench-0123456789abcdef0123456789"  # nosec B105


def installed() -> list[Contender]:
    """Return all other gateways; those that are not installed say so."""
    return [portkey(), litellm(), litellm(rust=True), any_llm()]


def portkey() -> Contender:
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


def litellm(*, rust: bool = False) -> Contender:
    """Return LiteLLM's proxy. ``rust`` turns on what it has in Rust instead (LITELLM_RUST)."""
    program = os.environ.get("BENCH_LITELLM", "")

    def command(site: Site, port: int) -> list[str]:
        config = site.folder / "litellm.yaml"
        text = _LITELLM.format(model=MODEL, upstream=site.upstream_url, key=_MASTER_KEY)
        config.write_text(text)
        where = ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        return [*_WITHOUT_OUR_DATABASE, program, "--config", str(config), *where]

    return Contender(
        "LiteLLM proxy, Rust" if rust else "LiteLLM proxy",
        command=command,
        env=lambda _: {**_LITELLM_ENV, "LITELLM_RUST": str(rust).lower()},
        headers=lambda _: [{"Authorization": f"Bearer {_MASTER_KEY}"}],
        missing="" if Path(program).is_file() else "not installed",
        slow=True,
    )


def any_llm() -> Contender:
    program = os.environ.get("BENCH_ANY_LLM", "")

    def command(site: Site, port: int) -> list[str]:
        config = site.folder / "any-llm.yaml"
        text = _ANY_LLM.format(
            model=MODEL,
            upstream=site.upstream_url,
            key=_MASTER_KEY,
            database=_new_database("bench_any_llm"),
            port=port,
        )
        config.write_text(text)
        return [
            *_WITHOUT_OUR_DATABASE,
            program,
            "serve",
            "--config",
            str(config),
            "--log-level",
            "40",
        ]

    return Contender(
        "any-llm gateway",
        command=command,
        keys=_keys_of_any_llm,
        headers=lambda site: [{"Authorization": f"Bearer {key}"} for key in site.keys],
        missing="" if Path(program).is_file() else "not installed",
        model=f"openai:{MODEL}",
        slow=True,
    )


def _keys_of_any_llm(port: int) -> list[str]:
    """Create users with a key each."""
    found = []
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}/v1",
        headers={"X-AnyLLM-Key": f"Bearer {_MASTER_KEY}"},
        timeout=60,
    ) as client:
        for _ in range(_ANY_LLM_USERS):
            answer = client.post("/keys", json={"key_name": "bench"}).raise_for_status()
            found.append(str(answer.json()["key"]))
    return found


def _new_database(name: str) -> str:
    """Create an empty database beside ours; returns its URL."""
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in ("DROP DATABASE IF EXISTS {} WITH (FORCE)", "CREATE DATABASE {}"):
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
    return urlsplit(url)._replace(scheme="postgresql+psycopg2", path=f"/{name}").geturl()


_WITHOUT_OUR_DATABASE = ["env", "-u", "DATABASE_URL"]

_LITELLM_ENV = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOG": "ERROR",
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
general_settings:
  master_key: {key}
"""

_ANY_LLM_USERS = 16
_ANY_LLM = """
host: 127.0.0.1
port: {port}
database_url: "{database}"
master_key: {key}
providers:
  openai:
    api_key: any
    api_base: {upstream}
pricing:
  openai:{model}:
    input_price_per_million: 1.0
    output_price_per_million: 2.0
"""
