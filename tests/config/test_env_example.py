"""`.env.example` names every setting, with the default that the code has, and sets none."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import environ
import pytest

from llmproxy.providers import DIALECTS
from tests.config.env_example import DOCUMENTED, EXAMPLE
from tests.webserver import ROOT

# CI keeps .env from being read, so it cannot stand in it; the others are not settings of ours.
NOT_OURS = {
    *("CI", "PATH", "DJANGO_SETTINGS_MODULE", "PROMETHEUS_MULTIPROC_DIR"),
    "EMBEDDED_SERVERS",  # set by `make run` and `manage.py` for their own processes
}

# OpenTelemetry's exporter and sampler read them.
OF_A_LIBRARY = {
    "OTEL_EXPORTER_OTLP_HEADERS",
    *("OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"),
}

# Settings as a process sees them; addresses of functions differ from process to process. The look
# of the admin site depends on no variable, and cannot be shown without its URLs.
_TELL = """
import json, re
from config import gunicorn, settings
from devserver import embedded
names = [name for name in dir(settings) if name.isupper() and name != "UNFOLD"]
seen = {name: getattr(settings, name) for name in names}
seen |= {f"gunicorn.{name}": getattr(gunicorn, name) for name in dir(gunicorn) if name[0] != "_"}
seen["data_dir"] = embedded.data_dir()
print(json.dumps({name: re.sub(r" at 0x\\w+", "", repr(value)) for name, value in seen.items()}))
"""


def test_every_variable_that_the_code_reads_is_in_it() -> None:
    assert read_by_the_code() - NOT_OURS - DOCUMENTED.keys() == set()


def test_every_variable_in_it_is_read() -> None:
    files = [ROOT / "docker-compose.yml", *(ROOT / "deploy" / "compose").glob("*.yml")]
    compose = "".join(file.read_text() for file in files)
    read_by_compose = set(re.findall(r"\$\{([A-Z_]+)", compose))
    read_by_compose |= set(re.findall(r"args:\n +([A-Z_]+):\n", compose))

    assert DOCUMENTED.keys() - read_by_the_code() - read_by_compose == OF_A_LIBRARY


def test_a_copy_of_it_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environ.Env, "ENVIRON", {})

    environ.Env.read_env(str(EXAMPLE))

    assert environ.Env.ENVIRON == {}


def test_its_defaults_are_the_true_ones() -> None:
    defaults = {name: value for name, value in DOCUMENTED.items() if value}
    assert {"PORT", "RESERVATION_TTL", "OPENROUTER_BASE_URL", "DATA_DIR"} <= defaults.keys()

    assert settings_in_production(**defaults) == settings_in_production()


def read_by_the_code() -> set[str]:
    apps = (path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests")
    files = [ROOT / "manage.py", *(file for app in apps for file in app.rglob("*.py"))]
    return {name for file in files for name in names_read(file)}


def names_read(file: Path) -> Iterator[str]:
    """Yield what is read by `env.str("…")` and its like, and from `os.environ` in any way."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=source), args=[name, *_]) if is_reader(source):
                yield from spelled(name)
            case ast.Subscript(value=source, slice=name) if is_reader(source):
                yield from spelled(name)
            case ast.Compare(left=name, comparators=[source]) if is_reader(source):
                yield from spelled(name)


def is_reader(source: ast.expr) -> bool:
    return ast.unparse(source) in {"env", "os.environ"}


def spelled(name: ast.expr) -> Iterator[str]:
    """Yield the names that an expression stands for; an f-string has one for each provider."""
    match name:
        case ast.Constant(value=str(value)) if value.isupper() and "/" not in value:
            yield value
        case ast.JoinedStr(values=[ast.FormattedValue(), ast.Constant(value=str(rest))]):
            yield from (f"{provider.upper()}{rest}" for provider in DIALECTS)


def settings_in_production(**variables: str) -> dict[str, str]:
    keys = {name: "example" for name in DOCUMENTED if name.endswith("_API_KEY")}
    production = {
        "CI": "true",
        "DATABASE_URL": "postgresql://db.example/tokengate",
        "REDIS_URL": "redis://redis.example",
        "UPSTREAM_BASE_URL": "https://upstream.example/v1",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        [sys.executable, "-c", _TELL],
        cwd=ROOT,
        env={**production, **keys, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    seen: dict[str, str] = json.loads(done.stdout)
    return seen
