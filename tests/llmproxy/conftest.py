"""Fixtures of the proxy's tests."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.usage_lookup import PROVIDERS


@pytest.fixture
def usage_lookup_providers(settings: Settings, upstream: UpstreamProcess) -> Iterator[None]:
    """Let the demo upstream play the providers that have a usage lookup."""
    settings.UPSTREAMS = dict.fromkeys((*PROVIDERS, "demo"), (upstream.url, "demo"))
    yield
    upstream.clear()
