"""Agents that ask the running server, whose provider is scripted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from llmproxy.models import Model, Route
from tests.clients.agents.running import Place
from tests.clients.recorder import Recorder, recording
from tests.developer import MODEL, Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.endpoints.conftest import ROLES
from tests.llmproxy.usage_lookup import environment
from tests.webserver import WebServer, demo_server


@pytest.fixture(scope="module")
def product(
    upstream: UpstreamProcess, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[WebServer]:
    with (
        django_db_blocker.unblock(),
        demo_server(upstream, **environment(upstream)) as server,
    ):
        yield server


@pytest.fixture(params=ROLES)
def way(request: pytest.FixtureRequest, catalog: Model) -> str:
    """How the provider is asked: natively or translated."""
    way: str = request.param
    Route.objects.update(provider=ROLES[way])
    return way


@pytest.fixture
def dev(developer: Make, product: WebServer, way: str, upstream: UpstreamProcess) -> Developer:
    upstream.clear()
    return developer(10_000_000, server=product)


@pytest.fixture
def recorder(product: WebServer) -> Iterator[Recorder]:
    with recording(product.port) as recorder:
        yield recorder


@pytest.fixture
def place(dev: Developer, recorder: Recorder, tmp_path: Path) -> Place:
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    return Place(home, work, recorder.url, dev.key, MODEL)
