"""A server whose model is asked natively, or by a translation."""

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from pytest_django import DjangoDbBlocker

from llmproxy.models import Model, Route
from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.usage_lookup import environment
from tests.webserver import WebServer, demo_server

# The demo upstream in the role of a provider that speaks Messages and Responses itself, and of one
# that speaks chat completions only.
ROLES = {"native": "openrouter", "translated": "demo"}


@pytest.fixture(scope="module")
def speaking(
    upstream: UpstreamProcess, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[WebServer]:
    with (
        django_db_blocker.unblock(),
        demo_server(upstream, **environment(upstream)) as server,
    ):
        yield server


@pytest.fixture(params=ROLES)
def way(request: pytest.FixtureRequest, catalog: Model) -> str:
    """How the provider is asked."""
    way: str = request.param
    Route.objects.update(provider=ROLES[way])
    return way


@pytest.fixture
def dev(developer: Make, speaking: WebServer, way: str, upstream: UpstreamProcess) -> Developer:
    upstream.clear()
    return developer(1_000_000, server=speaking)


@pytest.fixture
def claude(dev: Developer) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(
        base_url=f"{dev.http.base_url}", api_key=dev.key, max_retries=0
    ) as client:
        yield client


@pytest.fixture
def ai(dev: Developer) -> Iterator[openai.OpenAI]:
    base = f"{dev.http.base_url}/v1"
    with openai.OpenAI(base_url=base, api_key=dev.key, max_retries=0) as client:
        yield client


def book(upstream: UpstreamProcess) -> int:
    """Return the tokens that the upstream has reported."""
    told: list[dict[str, Any]] = [one["reported"] or {} for one in upstream.journal()]
    return sum(one.get("prompt_tokens", 0) + one.get("completion_tokens", 0) for one in told)
