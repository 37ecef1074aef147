"""Providers that are down: no user notices while another is up, and all come back by themselves."""

import asyncio
import re
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings as conf
from pytest_django import Settings
from redis.asyncio import Redis

from llmproxy.catalog.pricing import Prices
from llmproxy.catalog.snapshot import ServedRoute
from llmproxy.errors import NoUpstream
from llmproxy.models import Model, ProviderState, Route
from llmproxy.protocol.refusals import Refusal
from llmproxy.providers import Dialect, Provider
from llmproxy.routing import health
from llmproxy.upstream.client import AttemptFailed, refusal
from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.redis_databases import spare
from tests.waiting import wait_for
from tests.webserver import WebServer, demo_server

REDIS_URL = spare(conf.REDIS_URL)  # Other tests of this process break providers, too.
BREAKER = {
    "REDIS_URL": REDIS_URL,
    "BREAKER_FAILURES": "2",
    "BREAKER_PAUSE_SECONDS": "0.3",
    "BREAKER_WINDOW_SECONDS": "5",
    "WEB_CONCURRENCY": "2",
}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    store = redis.Redis.from_url(REDIS_URL)
    store.delete("llm:health")
    health.breakers.clear()
    yield
    store.delete("llm:health")
    health.breakers.clear()


@pytest.fixture(scope="module")
def second() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        yield process


@pytest.fixture(scope="module")
def server(
    upstream: UpstreamProcess, second: UpstreamProcess, django_db_setup: None
) -> Iterator[WebServer]:
    other = {"GLAMA_BASE_URL": second.url, "GLAMA_API_KEY": "demo"}
    with demo_server(upstream, **other, **BREAKER) as server:
        yield server


@pytest.fixture
def dev(
    developer: Make,
    catalog: Model,
    server: WebServer,
    upstream: UpstreamProcess,
    second: UpstreamProcess,
) -> Iterator[Developer]:
    Route.objects.create(model=catalog, provider="glama", upstream_name="openai/gpt-5", priority=2)
    Route.objects.filter(provider="demo").update(priority=1)
    yield developer(server=server)
    upstream.clear()
    second.clear()


def providers(dev: Developer) -> dict[str, dict[str, object]]:
    listed = dev.http.get("/api/llm/providers").json()["data"]
    return {each["id"]: each for each in listed}


def test_failing_providers_are_skipped_and_recover(
    dev: Developer, upstream: UpstreamProcess, second: UpstreamProcess
) -> None:
    upstream.set_fault(status=503)

    for _ in range(30):
        assert dev.chat("[[n=1]]").headers["x-llm-provider"] == "glama"
        if providers(dev)["demo"]["health"] == "down":
            break
    told = providers(dev)
    assert (told["demo"]["health"], told["demo"]["last_error"]) == ("down", "status_503")
    assert told["glama"]["health"] == "up"
    assert isinstance(told["glama"]["latency_ms"], int)

    second.set_fault(status=500)
    answers = []

    def all_are_open() -> bool:
        answers.append(dev.chat("[[n=1]]"))
        return answers[-1].status_code == 503

    wait_for(all_are_open)
    refused = answers[-1]
    assert refused.json()["error"]["code"] == "no_upstream"
    assert re.fullmatch(r"\d+", refused.headers["Retry-After"])
    assert {answer.status_code for answer in answers} <= {502, 503}
    assert sum(receipt.charged for receipt in dev.receipts if receipt.status == "failed") == 0

    upstream.clear()
    wait_for(lambda: dev.chat("[[n=1]]").headers.get("x-llm-provider") == "demo")
    wait_for(lambda: providers(dev)["demo"]["health"] != "down")


def test_a_provider_that_staff_switched_off(dev: Developer) -> None:
    ProviderState.objects.create(name="demo", enabled=False)

    # It may have failed before, and be left alone for a while.
    wait_for(lambda: dev.chat("[[n=1]]").headers.get("x-llm-provider") == "glama")
    assert providers(dev)["demo"]["health"] == "down"


def route(name: str, priority: int = 1) -> ServedRoute:
    provider = Provider(name, "http://127.0.0.1:1", "", Dialect())
    return ServedRoute(provider, "m", Prices(), priority)


def names(*routes: ServedRoute) -> list[str]:
    return [route.provider.name for route in health.askable(routes)]


def test_among_equals_the_healthier_is_asked_first() -> None:
    a, b, c = route("a"), route("b"), route("c", priority=9)
    assert names(c, a, b) == ["a", "b", "c"]

    health.failed(a, refusal(500, Refusal()))

    assert names(c, a, b) == ["b", "a", "c"]


@pytest.mark.parametrize("status", [401, 402, 403])
def test_an_operators_trouble_is_an_alert(status: int, caplog: pytest.LogCaptureFixture) -> None:
    health._alerted_at.clear()
    for _ in range(3):
        health.failed(route("a"), refusal(status, Refusal()))

    (alert,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "provider_refuses_our_account" in alert.getMessage()
    with pytest.raises(NoUpstream) as none:
        names(route("a"))
    assert 50 <= int(none.value.headers["Retry-After"]) <= 60


def test_a_flagged_prompt_is_the_users_affair() -> None:
    flagged = refusal(403, Refusal("flagged", flagged=True))

    health.failed(route("a"), flagged)

    assert flagged.error.status == 400
    assert names(route("a")) == ["a"]


def test_a_users_bad_request_says_nothing() -> None:
    for _ in range(20):
        health.failed(route("a"), refusal(400, Refusal()))

    assert names(route("a")) == ["a"]


async def test_workers_share_what_they_know() -> None:
    store = Redis.from_url(REDIS_URL)
    for _ in range(5):
        health.failed(route("a"), refusal(500, Refusal()))
    await health.share(store)

    health.breakers.clear()
    await health.share(store)
    with pytest.raises(NoUpstream):
        names(route("a"))
    assert health.describe("a")["last_error"] == "status_500"

    health.answered(route("a"), ms=12)
    await health.share(store)
    health.breakers.clear()
    await health.share(store)
    assert names(route("a")) == ["a"]
    assert health.describe("a")["latency_ms"] == 12
    await store.aclose()


async def test_without_redis_each_goes_by_what_it_sees(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    sharing = asyncio.create_task(health.share_for_ever(pause=0.001))
    for _ in range(5):
        health.failed(route("a"), AttemptFailed(NoUpstream(), outcome="ConnectError"))
    async with asyncio.timeout(120):
        while not caplog.records:  # noqa: ASYNC110 - no event to await
            await asyncio.sleep(0.01)
    sharing.cancel()

    assert [record.getMessage() for record in caplog.records if "not_shared" in record.getMessage()]
    with pytest.raises(NoUpstream):
        names(route("a"))
