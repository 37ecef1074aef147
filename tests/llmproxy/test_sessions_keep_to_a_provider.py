"""Requests of one session go to one provider, whose cache knows them, as long as it answers."""

from collections.abc import Iterator

import pytest

from llmproxy.models import Model, Route
from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.webserver import WebServer, demo_server

SESSIONS = [f"session-{number}" for number in range(12)]


@pytest.fixture(scope="module")
def second() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        yield process


@pytest.fixture(scope="module")
def server(
    upstream: UpstreamProcess, second: UpstreamProcess, django_db_setup: None
) -> Iterator[WebServer]:
    env = {
        "OPENROUTER_BASE_URL": upstream.url,
        "OPENROUTER_API_KEY": "demo",
        "GLAMA_BASE_URL": second.url,
        "GLAMA_API_KEY": "demo",
        "WEB_CONCURRENCY": "2",
    }
    with demo_server(upstream, **env) as server:
        yield server


@pytest.fixture
def dev(developer: Make, catalog: Model, server: WebServer) -> Developer:
    Route.objects.all().delete()
    for name in ("openrouter", "glama"):
        Route.objects.create(model=catalog, provider=name, upstream_name=catalog.name)
    return developer(1_000_000, server=server)


def provider_of(dev: Developer, session: str) -> str:
    """Ask on a new connection, which may be another worker's."""
    messages = [{"role": "user", "content": "Hello [[n=2]]"}]
    answer = dev.http.post(
        "/v1/chat/completions",
        json={"model": "openai/gpt-5-mini", "messages": messages},
        headers={"x-session-id": session, "connection": "close"},
    )
    assert answer.status_code == 200
    return answer.headers["x-llm-provider"]


def test_a_session_stays_where_it_began_over_all_workers(dev: Developer) -> None:
    places = {session: {provider_of(dev, session) for _ in range(4)} for session in SESSIONS}

    assert all(len(seen) == 1 for seen in places.values())
    assert set.union(*places.values()) == {"openrouter", "glama"}


def test_only_the_sessions_of_a_failing_provider_move_and_they_come_back(
    dev: Developer, second: UpstreamProcess
) -> None:
    before = {session: provider_of(dev, session) for session in SESSIONS}

    second.set_fault(fault="status", status=503)
    during = {session: provider_of(dev, session) for session in SESSIONS}
    second.clear()
    after = {session: provider_of(dev, session) for session in SESSIONS}

    assert set(during.values()) == {"openrouter"}
    assert after == before
