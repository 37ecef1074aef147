"""The Dockerfile and docker-compose.yml: valid, safe, and true to the rest of the repository."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from devserver import embedded
from portal.docs import contents
from tests.config.env_example import DOCUMENTED
from tests.fakes.upstream_process import UpstreamProcess
from tests.ports import free_port
from tests.webserver import ROOT, demo_server

BIN = Path(sys.executable).parent
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", "")

REQUIRED = {
    "SECRET_KEY": "example-secret",
    "POSTGRES_PASSWORD": "p@ss/w:rd",
    "IDP_OIDC_PRIVATE_KEY": "example-key",
}
APPS = ["web", "worker", "beat", "migrate"]
# Read by docker-compose.yml alone.
OF_COMPOSE = {"DATABASE_URL", "REDIS_URL", "POSTGRES_PASSWORD"}
OF_COMPOSE |= {"PYTHON_IMAGE", "POSTGRES_IMAGE", "VALKEY_IMAGE", "TOKENGATE_IMAGE"}
OF_COMPOSE |= {"CADDY_IMAGE", "ACME_EMAIL"}  # of deploy/compose/production.yml
OF_COMPOSE |= {"CLICKHOUSE_IMAGE", "CLICKHOUSE_PASSWORD"}  # of its profile "analytics"
# Of servers elsewhere: docker-compose.yml has its own.
OF_COMPOSE |= {"DATABASE_PASSWORD", "QUEUE_REDIS_URL"}
# Of a checkout, or decided by the image and by docker-compose.yml itself.
NOT_PASSED_ON = {"DATA_DIR", "NO_COLOR", "DEBUG", "HOST", "PORT", "GRACEFUL_TIMEOUT"}

PRODUCTION = {
    "CI": "true",
    "DATABASE_URL": "postgresql://db.example/tokengate",
    "REDIS_URL": "redis://redis.example",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "tokengate.example",
    "IDP_OIDC_PRIVATE_KEY": embedded.development_rsa_key(),
}

# Loads all of the product, where the packages named as arguments are as good as not installed.
_LOAD_ALL = """
import sys

class Missing:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing)
import config.asgi, config.celery, config.gunicorn, config.urls, config.worker
config.celery.app.loader.import_default_modules()
from django.core.management import call_command
call_command("collectstatic", dry_run=True, interactive=False, verbosity=0)
"""


def test_hadolint_finds_nothing() -> None:
    linted = run(str(BIN / "hadolint"), "Dockerfile")

    assert linted.returncode == 0, linted.stdout


def test_the_compose_file_is_valid() -> None:
    assert set(services()) == {*APPS, "postgres", "redis"}


@pytest.mark.parametrize("missing", REQUIRED)
def test_no_secret_has_a_default(missing: str) -> None:
    given = {name: value for name, value in REQUIRED.items() if name != missing}

    refused = compose(**given)

    assert refused.returncode != 0
    assert f"required variable {missing} is missing" in refused.stderr


def test_a_password_may_hold_any_character() -> None:
    found = services(POSTGRES_PASSWORD="p@ss/w:rd#%&")

    assert found["postgres"]["environment"]["POSTGRES_PASSWORD"] == "p@ss/w:rd#%&"
    assert found["web"]["environment"]["PGPASSWORD"] == "p@ss/w:rd#%&"
    assert "p@ss" not in found["web"]["environment"]["DATABASE_URL"]


def test_every_setting_reaches_all_that_run_the_image() -> None:
    wanted = DOCUMENTED.keys() - NOT_PASSED_ON - OF_COMPOSE
    given = {name: f"given {name}" for name in wanted}

    found = services(**given)

    for app in APPS:
        assert found[app]["image"] == found["web"]["image"]
        assert found[app]["environment"] == found["web"]["environment"]
    assert given.items() <= found["web"]["environment"].items()


def test_what_is_not_set_stays_unset() -> None:
    """An empty number would keep the settings from loading."""
    values = services()["web"]["environment"].values()

    assert None in values
    assert "" not in values


def test_only_the_web_server_is_reachable_and_from_this_machine_only() -> None:
    published = {name: service.get("ports") for name, service in services(PORT="8042").items()}

    [port] = published.pop("web")
    assert (port["host_ip"], port["published"], port["target"]) == ("127.0.0.1", "8042", 8000)
    assert set(published.values()) == {None}


def test_the_product_can_write_nowhere_and_has_no_privileges() -> None:
    for name, service in services().items():
        assert service["security_opt"] == ["no-new-privileges:true"]
        if name in APPS:
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]


def test_everything_that_serves_waits_for_the_migrations() -> None:
    found = services()

    assert found["migrate"]["restart"] == "no"
    for name in ("web", "worker", "beat"):
        waits = {other: how["condition"] for other, how in found[name]["depends_on"].items()}
        assert waits == {
            "migrate": "service_completed_successfully",
            "postgres": "service_healthy",
            "redis": "service_healthy",
        }


def test_data_outlives_its_containers() -> None:
    found = services()

    assert targets(found["postgres"]) == ["/var/lib/postgresql"]
    assert targets(found["redis"]) == ["/data"]
    assert "--appendonly" in found["redis"]["command"]


def test_foreign_images_are_pinned() -> None:
    images = [*re.findall(r"^ARG PYTHON_IMAGE=(\S+:\S+)", DOCKERFILE, re.MULTILINE)]
    images += [service["image"] for service in services().values() if "build" not in service]

    foreign = {image for image in images if image != "tokengate"}

    assert len(foreign) == 3
    assert all(re.search(r":\d+\.\d+", image) for image in foreign)


def test_foreign_images_may_be_named_with_a_digest() -> None:
    digest = f"@sha256:{'a' * 64}"
    named = {
        "POSTGRES_IMAGE": f"postgres:18.6-alpine{digest}",
        "VALKEY_IMAGE": f"valkey/valkey:9.1.1-alpine{digest}",
        "PYTHON_IMAGE": f"python:3.13.14-slim-trixie{digest}",
    }

    found = services(**named)

    assert found["postgres"]["image"] == named["POSTGRES_IMAGE"]
    assert found["redis"]["image"] == named["VALKEY_IMAGE"]
    assert found["migrate"]["build"]["args"] == {"PYTHON_IMAGE": named["PYTHON_IMAGE"]}
    froms = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert froms == ["${PYTHON_IMAGE}", "base", "base"]


def test_the_page_about_images_names_those_that_are_used() -> None:
    page = (ROOT / "docs" / "operating" / "one-host.md").read_text()
    used = {service["image"] for service in services().values() if "build" not in service}
    used |= set(re.findall(r"^ARG PYTHON_IMAGE=(\S+)", DOCKERFILE, re.MULTILINE))

    assert [image for image in used - {"tokengate"} if f"_IMAGE={image}" not in page] == []


def test_the_image_does_not_run_as_root() -> None:
    user = last_instruction("USER")

    assert re.fullmatch(r"\d+:\d+", user)
    assert not user.startswith("0:")


def test_the_image_holds_no_secret() -> None:
    assert not re.findall(r"(?:ENV|ARG).*(?:SECRET|PASSWORD|_KEY)", DOCKERFILE)


def test_the_image_starts_the_web_server_without_a_shell() -> None:
    assert json.loads(last_instruction("CMD"))[0] == "gunicorn"


def test_the_image_takes_every_app_and_its_documentation() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["importlinter"]["root_packages"]

    pages = {"docs", *contents.OUTSIDE.values()}
    taken = {"manage.py", "requirements/base.txt", *packages, *pages} - {"devserver"}
    assert allowed() == taken


def test_what_the_image_takes_is_enough(tmp_path: Path) -> None:
    """No file of ours that is left out is needed, nor a package of requirements/dev.txt."""
    copy_allowed(tmp_path)

    loaded = run(
        sys.executable, "-c", _LOAD_ALL, *only_for_development(), cwd=tmp_path, env=PRODUCTION
    )

    assert loaded.returncode == 0, loaded.stderr


@pytest.mark.django_db(transaction=True)
def test_the_health_check_of_a_server_in_production(upstream: UpstreamProcess) -> None:
    command = [sys.executable, *health_check()[1:]]
    names = ".example.com,127.0.0.1"
    keys = {key: PRODUCTION[key] for key in ("SECRET_KEY", "IDP_OIDC_PRIVATE_KEY")}
    settings = {**keys, "DEBUG": "false", "LOG_LEVEL": "CRITICAL"}
    settings["EMBEDDED_SERVERS"] = ""

    with demo_server(upstream, **settings, ALLOWED_HOSTS=names) as server:
        port = {"PORT": str(server.port)}
        assert run(*command, env={**port, "ALLOWED_HOSTS": names}).returncode == 0
        assert run(*command, env={**port, "ALLOWED_HOSTS": "other.org"}).returncode == 1


def test_the_health_check_fails_where_nobody_listens() -> None:
    command = [sys.executable, *health_check()[1:]]

    assert run(*command, env={"PORT": str(free_port())}).returncode == 1


def run(
    *command: str, cwd: Path = ROOT, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = None if env is None else {"PATH": os.environ["PATH"], **env}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def compose(**variables: str) -> subprocess.CompletedProcess[str]:
    """Resolve docker-compose.yml in just this environment: a developer's .env is left alone."""
    command = (str(BIN / "docker-compose"), "--env-file", "/dev/null", "config", "--format", "json")
    return run(*command, env=variables)


def services(**variables: str) -> dict[str, Any]:
    resolved = compose(**{**REQUIRED, **variables})
    assert resolved.returncode == 0, resolved.stderr
    found: dict[str, Any] = json.loads(resolved.stdout)["services"]
    return found


def targets(service: dict[str, Any]) -> list[str]:
    return [volume["target"] for volume in service["volumes"] if volume["type"] == "volume"]


def last_instruction(name: str) -> str:
    found: list[str] = re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)
    return found[-1].strip()


def health_check() -> list[str]:
    """The command of the image's HEALTHCHECK."""
    _, command = last_instruction("HEALTHCHECK").split(" CMD ")
    words: list[str] = json.loads(command)
    return words


def allowed() -> set[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def copy_allowed(target: Path) -> None:
    """Do what `COPY . .` does with .dockerignore."""
    ignored = shutil.ignore_patterns("__pycache__", "*.py[cod]", ".*")
    for name in allowed():
        (target / name).parent.mkdir(exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, target / name)


def only_for_development() -> set[str]:
    """The packages that are installed here, and not in the image."""
    base = (ROOT / "requirements/base.txt").read_text()
    pinned = {canonical(name) for name in re.findall(r"^([\w.-]+)==", base, re.MULTILINE)}
    return {
        package
        for package, distributions in packages_distributions().items()
        if not pinned & {canonical(name) for name in distributions}
    }


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
