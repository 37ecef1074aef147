"""Every code block of the documentation runs against a server, or says why it is not run."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection
from pytest_django import DjangoDbBlocker

from accounts.models import User
from apikeys.models import ApiKey, Scope
from billing.pricing.plans import seed_plans
from tests.developer import MODEL, Make
from tests.docs.examples import Block, blocks, queries, script
from tests.docs.pages import PAGES
from tests.factories import PASSWORD, RouteFactory
from tests.fakes.upstream_process import UpstreamProcess
from tests.webserver import ROOT, WebServer, demo_server

RUN = ("sh", "python", "ts")
BLOCKS = [block for page in PAGES for block in blocks(page)]
# What a runbook says is typed on the operator's machines. Its SQL is run here.
RUNBOOKS = ROOT / "docs" / "operating" / "runbooks"
PROGRAMS = sorted(
    {
        (block.page, block.language)
        for block in BLOCKS
        if block.language in RUN and not block.reason and block.page.parent != RUNBOOKS
    }
)
QUERIES = [query for block in BLOCKS for query in queries(block)]
READ = ("json", "toml", "yaml")
# Answers of 400 and above end curl with an error.
_CURL = 'curl() { command curl --silent --show-error --fail-with-body "$@"; }\n'


@pytest.fixture(scope="module")
def server(
    upstream: UpstreamProcess, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[WebServer]:
    with django_db_blocker.unblock(), demo_server(upstream) as server:
        yield server


@pytest.fixture
def reader(developer: Make, server: WebServer) -> dict[str, str]:
    """The environment of someone who follows the documentation."""
    seed_plans()
    RouteFactory.create(model__name="anthropic/claude-sonnet-4.5", upstream_name=MODEL)
    RouteFactory.create(model__name="openai/text-embedding-3-small", model__kind="embedding")
    dev = developer(1_000_000, server=server)
    user = User.objects.get(pk=dev.user_id)
    ApiKey.objects.filter(user=user).update(scopes=list(Scope))
    login = {"email": user.email, "password": PASSWORD}
    session = dev.http.post("/api/auth/login", json=login).raise_for_status().json()
    return {**os.environ, "KEY": dev.key, "ACCESS": session["access"], "B": server.url}


@pytest.mark.parametrize(
    ("page", "language"), PROGRAMS, ids=lambda value: getattr(value, "name", value)
)
def test_every_example_runs(
    page: Path, language: str, reader: dict[str, str], server: WebServer, tmp_path: Path
) -> None:
    found = [b for b in BLOCKS if b.page == page and b.language == language and not b.reason]
    program = script(language, found, server.url)

    outcome = subprocess.run(
        _command(language, program, tmp_path),
        env=reader,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert outcome.returncode == 0, f"{outcome.stdout[-2000:]}\n{outcome.stderr[-2000:]}"


@pytest.mark.parametrize(
    "block",
    [block for block in BLOCKS if block.language in READ],
    ids=lambda block: f"{block.page.name}-{block.line}",
)
def test_every_file_of_settings_can_be_read(block: Block) -> None:
    assert _parsed(block)


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_is_one_that_the_database_answers(db: None, query: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query)


def test_every_block_has_a_language_that_is_run_or_read() -> None:
    known = {*RUN, *READ, "sql", "promql", "cron", "mermaid", "nginx", ""}

    assert {block.language for block in BLOCKS} - known == set()


def _parsed(block: Block) -> Any:
    if block.language == "json":
        return json.loads(block.code)
    return tomllib.loads(block.code) if block.language == "toml" else yaml.safe_load(block.code)


def _command(language: str, program: str, folder: Path) -> list[str]:
    if language == "sh":
        return ["bash", "-euo", "pipefail", "-c", _CURL + program]
    if language == "python":
        return [sys.executable, "-c", program]
    node = _node()
    if node is None:
        pytest.skip("there is no Node 22.18 or newer")
    file = folder / "examples.mts"
    file.write_text(program)
    return [node, "--disable-warning=ExperimentalWarning", str(file)]


def _node() -> str | None:
    """Return a Node that runs TypeScript: the checkout's own, or the machine's."""
    own = ROOT / ".node" / "bin" / "node"
    found = str(own) if own.exists() else shutil.which("node")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)
    parts = [int(part) for part in version.stdout.strip().lstrip("v").split(".")[:2]]
    return found if parts >= [22, 18] else None
