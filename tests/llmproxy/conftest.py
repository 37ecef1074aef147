"""Fixtures of the proxy's tests."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.scripted import ScriptedUpstream, scripted_upstream
from tests.llmproxy.usage_lookup import PROVIDERS


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture
def usage_lookup_providers(settings: Settings, upstream: UpstreamProcess) -> Iterator[None]:
    """Let the demo upstream play the providers that have a usage lookup."""
    settings.UPSTREAMS = dict.fromkeys((*PROVIDERS, "demo"), (upstream.url, "demo"))
    yield
    upstream.clear()
