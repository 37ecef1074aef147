"""deploy/compose: production with one way in and no secret in its environment, and development."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.config.env_example import DOCUMENTED
from tests.webserver import ROOT

BIN = Path(sys.executable).parent
APPS = ("web", "worker", "beat", "migrate")
REQUIRED = {"ALLOWED_HOSTS": "api.example.com", "ACME_EMAIL": "operator@example.com"}
# Of a checkout, of the image, or decided by the file itself.
DECIDED = {
    "DATA_DIR",
    "NO_COLOR",
    "DEBUG",
    "HOST",
    "PORT",
    "GRACEFUL_TIMEOUT",
    "SECURE_SSL_REDIRECT",
}
DECIDED |= {"DATABASE_URL", "REDIS_URL", "QUEUE_REDIS_URL", "DATABASE_TRANSACTION_POOLER"}
DECIDED |= {"TRUSTED_PROXY", "SETTLEMENT_SPOOL", "ALLOWED_HOSTS"}
OF_COMPOSE = {"POSTGRES_PASSWORD", "ACME_EMAIL", "TOKENGATE_IMAGE", "PYTHON_IMAGE"}
OF_COMPOSE |= {"CLICKHOUSE_PASSWORD", "CLICKHOUSE_IMAGE"}
OF_COMPOSE |= {"POSTGRES_IMAGE", "VALKEY_IMAGE", "CADDY_IMAGE"}


def resolve(file: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = ROOT / "deploy" / "compose" / file
    command = [str(BIN / "docker-compose"), "--file", str(path), "--env-file", "/dev/null"]
    return subprocess.run(
        [*command, "config", "--format", "json"], env=variables, capture_output=True, text=True
    )


def resolved(file: str, **variables: str) -> dict[str, Any]:
    done = resolve(file, **variables)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def production() -> dict[str, Any]:
    services: dict[str, Any] = resolved("production.yml", **REQUIRED)["services"]
    return services


def test_only_the_tls_proxy_has_ports_on_the_host(production: dict[str, Any]) -> None:
    ports = {name: service.get("ports", []) for name, service in production.items()}

    assert {port["published"] for port in ports.pop("caddy")} == {"80", "443"}
    assert not any(ports.values())


def test_every_service_is_confined(production: dict[str, Any]) -> None:
    for name, service in production.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"]["max-size"], name
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= limits.keys(), name


def test_what_serves_has_a_health_check(production: dict[str, Any]) -> None:
    """The web server's is that of its image."""
    checked = {
        name for name, service in production.items() if service.get("healthcheck", {}).get("test")
    }

    assert checked == {"caddy", "worker", "pgbouncer", "postgres", "redis"}


def test_the_databases_have_no_way_out(production: dict[str, Any]) -> None:
    networks = resolved("production.yml", **REQUIRED)["networks"]

    assert networks["data"]["internal"]
    for name in ("postgres", "redis", "pgbouncer"):
        assert list(production[name]["networks"]) == ["data"]
    assert list(production["caddy"]["networks"]) == ["front"]


@pytest.mark.parametrize("app", APPS)
def test_secrets_are_files(production: dict[str, Any], app: str) -> None:
    environment = production[app]["environment"]

    files = {name.removesuffix("_FILE") for name in environment if name.endswith("_FILE")}
    assert {"SECRET_KEY", "IDP_OIDC_PRIVATE_KEY", "DATABASE_PASSWORD"} <= files
    assert not any(environment.get(name) for name in files)
    assert files <= DOCUMENTED.keys()
    script = (ROOT / "deploy" / "compose" / "secrets.sh").read_text()
    for name in files:
        file = environment[f"{name}_FILE"].removeprefix("/run/secrets/")
        assert file in script, f"secrets.sh does not make {file}"


@pytest.mark.parametrize("app", APPS)
def test_every_setting_reaches_the_product(app: str) -> None:
    environment = resolved("production.yml", **REQUIRED)["services"][app]["environment"]
    files = {name.removesuffix("_FILE") for name in environment if name.endswith("_FILE")}
    wanted = DOCUMENTED.keys() - DECIDED - OF_COMPOSE - files
    given = {name: f"given {name}" for name in wanted}

    found = resolved("production.yml", **REQUIRED, **given)["services"][app]["environment"]

    assert given.items() <= found.items()


def test_migrations_do_not_go_by_the_pooler(production: dict[str, Any]) -> None:
    assert "@postgres/" in production["migrate"]["environment"]["DATABASE_URL"]
    assert production["migrate"]["environment"]["DATABASE_TRANSACTION_POOLER"] == "false"
    for app in ("web", "worker", "beat"):
        assert "@pgbouncer:" in production[app]["environment"]["DATABASE_URL"]
        assert production[app]["environment"]["DATABASE_TRANSACTION_POOLER"] == "true"


@pytest.mark.parametrize("missing", REQUIRED)
def test_what_must_be_set_is_asked_for(missing: str) -> None:
    refused = resolve("production.yml", **{k: v for k, v in REQUIRED.items() if k != missing})

    assert refused.returncode
    assert missing in refused.stderr


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """As root it also sets their group, which `id -g` stands for here."""
    script = (ROOT / "deploy" / "compose" / "secrets.sh").read_text()
    (tmp_path / "secrets.sh").write_text(script.replace("chgrp -R 10001", "chgrp -R $(id -g)"))
    command = ["sh", str(tmp_path / "secrets.sh")]
    subprocess.run(command, check=True, capture_output=True)
    key = (tmp_path / "secrets" / "secret_key").read_text()

    subprocess.run(command, check=True, capture_output=True)

    assert (tmp_path / "secrets" / "secret_key").read_text() == key
    assert len(key) > 60
    assert (tmp_path / "secrets" / "idp_oidc_private_key").read_text().startswith("-----BEGIN")
    assert not (tmp_path / "secrets" / "openrouter_api_key").read_text()
    assert (tmp_path / "secrets" / "secret_key").stat().st_mode & 0o777 == 0o640


def test_development_mounts_the_checkout_and_reloads() -> None:
    services = resolved("development.yml")["services"]

    for name in (
        "web",
        "worker",
        "beat",
    ):  # gunicorn's own --reload does nothing to uvicorn's worker
        (watched,) = services[name]["develop"]["watch"]
        assert (watched["action"], watched["path"]) == ("restart", str(ROOT))
    for name in ("web", "worker", "beat", "upstream"):
        mounted = {volume["target"]: volume for volume in services[name]["volumes"]}
        assert mounted["/app"]["source"] == str(ROOT)
        assert mounted["/app"]["read_only"]
    for name in ("postgres", "redis"):
        assert {port["host_ip"] for port in services[name]["ports"]} == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["caddy", "pgbouncer"])
def test_hadolint_finds_nothing(name: str) -> None:
    file = ROOT / "deploy" / name / "Dockerfile"
    linted = subprocess.run([str(BIN / "hadolint"), str(file)], capture_output=True, text=True)

    assert linted.returncode == 0, linted.stdout
