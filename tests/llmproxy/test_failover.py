"""Several providers of one model: the next is asked until the first content byte."""

from collections.abc import Iterator

import pytest

from llmproxy.models import Model, Route
from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.webserver import WebServer, demo_server


@pytest.fixture(scope="module")
def second() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        yield process


@pytest.fixture(scope="module")
def two_providers(
    upstream: UpstreamProcess, second: UpstreamProcess, django_db_setup: None
) -> Iterator[WebServer]:
    other = {"GLAMA_BASE_URL": second.url, "GLAMA_API_KEY": "demo"}
    with demo_server(upstream, **other, UPSTREAM_FIRST_BYTE_TIMEOUT="2.5") as server:
        yield server


@pytest.fixture
def dev(
    developer: Make,
    catalog: Model,
    two_providers: WebServer,
    upstream: UpstreamProcess,
    second: UpstreamProcess,
) -> Iterator[Developer]:
    Route.objects.create(
        model=catalog, provider="glama", upstream_name="openai/gpt-5", priority=200
    )
    yield developer(server=two_providers)
    upstream.clear()
    second.clear()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 429},
        {"status": 401},
        {"fault": "refuse_headers"},
        {"fault": "error_in_200"},
        {"fault": "stall_first"},
    ],
)
def test_a_failed_provider_is_followed_by_the_next_one(
    dev: Developer, upstream: UpstreamProcess, fault: dict[str, object], stream: bool
) -> None:
    upstream.set_fault(**fault)

    answer = dev.chat("[[n=10]]", stream=stream)

    assert answer.status_code == 200
    assert answer.headers["x-llm-provider"] == "glama"
    (receipt,) = dev.receipts
    assert [attempt["provider"] for attempt in receipt.attempts] == ["demo", "glama"]
    assert (receipt.status, receipt.provider, receipt.completion_tokens) == ("ok", "glama", 10)


def test_each_provider_gets_its_own_name_of_the_model(
    dev: Developer, upstream: UpstreamProcess, second: UpstreamProcess
) -> None:
    upstream.set_fault(status=500)

    dev.chat("[[n=1]]")

    assert second.journal()[0]["model"] == "openai/gpt-5"


def test_a_users_bad_request_is_not_asked_elsewhere(
    dev: Developer, upstream: UpstreamProcess, second: UpstreamProcess
) -> None:
    upstream.set_fault(status=400)

    assert dev.chat().status_code == 400
    assert second.journal() == []


def test_a_provider_that_is_gone(dev: Developer, upstream: UpstreamProcess) -> None:
    upstream.stop()
    try:
        assert dev.chat("[[n=3]]").headers["x-llm-provider"] == "glama"
    finally:
        upstream.start()


def test_after_the_first_content_nobody_else_is_asked(
    dev: Developer, upstream: UpstreamProcess, second: UpstreamProcess
) -> None:
    upstream.set_fault(fault="cut_tcp", after=2)

    answer = dev.chat("[[n=30]]", stream=True)

    assert "upstream_error" in answer.text
    assert second.journal() == []
