"""Clients that ask the running server, whose provider is asked natively or by a translation."""

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker, Settings

from llmproxy.models import Model, Route
from tests.clients.recorder import Recorder, recording
from tests.developer import MODEL, Developer, Make
from tests.factories import RouteFactory
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.endpoints.conftest import ROLES
from tests.llmproxy.usage_lookup import PROVIDERS, environment
from tests.webserver import WebServer, demo_server

# Models whose names make agents offer other tools, and ask for more.
CLAUDE = "anthropic/claude-sonnet-4.5"
KNOWN_TO_CODEX = "openai/gpt-5.5"


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
    RouteFactory.create(model__name=CLAUDE)
    RouteFactory.create(model__name=KNOWN_TO_CODEX, upstream_name=MODEL)
    Route.objects.update(provider=ROLES[way])
    return way


@pytest.fixture
def dev(
    developer: Make, product: WebServer, way: str, upstream: UpstreamProcess, settings: Settings
) -> Developer:
    settings.UPSTREAMS = dict.fromkeys((*PROVIDERS, "demo"), (upstream.url, "demo"))
    upstream.clear()
    return developer(10_000_000, server=product)


@pytest.fixture
def recorder(product: WebServer) -> Iterator[Recorder]:
    with recording(product.port) as recorder:
        yield recorder
