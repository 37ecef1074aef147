"""The limits of a plan over HTTP and four workers: exactly so many, and every slot comes back."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import openai
import pytest
from pytest_django import DjangoDbBlocker

from tests.developer import MODEL, Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.tokens.accounts import ROOMY
from tests.valkey import ValkeyProcess
from tests.waiting import wait_for
from tests.webserver import WebServer, demo_server
from tokens.ledger.verify import verify
from tokens.models import Balance, Tier

CALLERS = 200
LIMITS = "/api/tokens/limits"
Limited = Callable[..., Developer]


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyProcess]:
    process = ValkeyProcess(tmp_path_factory.mktemp("valkey"))
    yield process
    process.close()


@pytest.fixture(scope="module")
def server(
    upstream: UpstreamProcess,
    valkey: ValkeyProcess,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[WebServer]:
    # A slow machine is no outage.
    env = {"REDIS_URL": valkey.url, "LIMITS_REDIS_TIMEOUT": "30"}
    with (
        django_db_blocker.unblock(),
        demo_server(upstream, WEB_CONCURRENCY="4", **env) as four_workers,
    ):
        yield four_workers


@pytest.fixture
def limited(developer: Make, server: WebServer, valkey: ValkeyProcess) -> Limited:
    """Make developers on a plan with just these limits."""

    def make(tokens: int = 1_000_000, **limits: int) -> Developer:
        dev = developer(tokens, server=server)
        tier, _ = Tier.objects.update_or_create(
            name="tight", defaults={"title": "Tight", **ROOMY, **limits}
        )
        Balance.objects.filter(user_id=dev.user_id).update(tier=tier)
        return dev

    valkey.client.flushall()
    return make


def body(steer: str, **fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": steer}], **fields}


@asynccontextmanager
async def client_of(dev: Developer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=dev.http.base_url,
        headers={"Authorization": f"Bearer {dev.key}"},
        limits=httpx.Limits(max_connections=None),
        timeout=300,
        trust_env=False,
    ) as client:
        yield client


async def ask_all_at_once(dev: Developer, asked: dict[str, Any]) -> list[httpx.Response]:
    async with client_of(dev) as client:
        calls = [client.post("/api/llm/chat/completions", json=asked) for _ in range(CALLERS)]
        return list(await asyncio.gather(*calls))


def now(dev: Developer) -> dict[str, Any]:
    answer: dict[str, Any] = dev.http.get(LIMITS).raise_for_status().json()
    return answer


def test_headers_and_limits_count_one_request(limited: Limited) -> None:
    dev = limited(requests_per_minute=10, tokens_per_minute=50_000, concurrent_requests=3)

    answer = dev.chat("[[n=5,prompt=7]]", max_tokens=100)

    held = int(answer.headers["x-tokens-reserved"])
    assert answer.headers["x-ratelimit-limit-requests"] == "10"
    assert answer.headers["x-ratelimit-remaining-requests"] == "9"
    assert answer.headers["x-ratelimit-remaining-tokens"] == str(50_000 - held)
    limits = now(dev)
    assert limits["plan"] == "tight"
    assert limits["requests_per_minute"] == limits["requests_per_minute"] | {
        "limit": 10,
        "remaining": 9,
    }
    assert limits["tokens_per_minute"]["remaining"] == 50_000 - dev.balance.used
    assert limits["concurrent_requests"] == {"limit": 3, "remaining": 3}
    assert limits["key_requests_per_minute"] is None
    assert now(dev)["requests_per_minute"]["remaining"] == 9
    assert httpx.get(dev.http.base_url.join(LIMITS), trust_env=False).status_code == 401


def test_50_requests_of_200(limited: Limited) -> None:
    dev = limited(requests_per_minute=50)

    answers = asyncio.run(ask_all_at_once(dev, body("[[n=2]]", max_tokens=16)))

    assert Counter(answer.status_code for answer in answers) == {200: 50, 429: 150}
    for answer in answers:
        if answer.status_code == 429:
            error = answer.json()["error"]
            assert (error["code"], error["limit"]) == ("rate_limited", "requests_per_minute")
            assert error["type"] == "rate_limit_error"
            assert error["resets_at"]
            assert 1 <= int(answer.headers["retry-after"]) < 60
            assert answer.headers["x-ratelimit-remaining-requests"] == "0"
    assert len(dev.receipts) == 50
    assert verify() == []


def test_the_tokens_of_50_requests_of_200(limited: Limited) -> None:
    probe = limited().chat("[[n=16,prompt=0001]]", max_tokens=16)
    held = int(probe.headers["x-tokens-reserved"])
    dev = limited(tokens_per_minute=50 * held)
    asked = body(f"[[n=16,prompt={held - 16:04d}]]", max_tokens=16)  # Uses all that it holds.

    answers = asyncio.run(ask_all_at_once(dev, asked))

    assert Counter(answer.status_code for answer in answers) == {200: 50, 429: 150}
    assert {a.json()["error"]["limit"] for a in answers if a.is_error} == {"tokens_per_minute"}
    assert dev.balance.used == 50 * held


def test_20_of_200_at_once_and_disconnects_give_them_back(limited: Limited) -> None:
    dev = limited(concurrent_requests=20)
    asked = body("[[n=900,d=1000]]", stream=True)

    async def open_all() -> Counter[int]:
        async with client_of(dev) as client, AsyncExitStack() as streams:

            async def begin() -> httpx.Response:
                stream = client.stream("POST", "/api/llm/chat/completions", json=asked)
                return await streams.enter_async_context(stream)

            answers = await asyncio.gather(*[begin() for _ in range(CALLERS)])
            refused = [await answer.aread() for answer in answers if answer.is_error]
            assert all(b'"concurrency_limited"' in text for text in refused)
            return Counter(answer.status_code for answer in answers)

    assert asyncio.run(open_all()) == {200: 20, 429: 180}

    wait_for(lambda: now(dev)["concurrent_requests"]["remaining"] == 20)
    assert verify() == []


@pytest.mark.parametrize(
    ("tokens", "steer", "status"),
    [(1_000_000, "[[status=500]]", 502), (1_000_000, "[[status=400]]", 400), (1, "hello", 402)],
)
def test_what_fails_gives_its_slot_and_tokens_back(
    limited: Limited, tokens: int, steer: str, status: int
) -> None:
    dev = limited(tokens, requests_per_minute=3, tokens_per_minute=9_000, concurrent_requests=1)

    for remaining in (2, 1, 0):
        answer = dev.chat(steer, max_tokens=8_000)
        assert (answer.status_code, dev.balance.used) == (status, 0)
        assert answer.headers["x-ratelimit-remaining-requests"] == str(remaining)

    wait_for(lambda: now(dev)["concurrent_requests"]["remaining"] == 1)
    assert now(dev)["tokens_per_minute"]["remaining"] == 9_000
    assert dev.chat(steer).status_code == 429


def test_the_openai_package_raises_its_own_error(limited: Limited) -> None:
    dev = limited(requests_per_minute=1)
    client = openai.OpenAI(base_url=f"{dev.http.base_url}/api/llm", api_key=dev.key, max_retries=0)
    asked = body("[[n=2]]")
    client.chat.completions.create(**asked)

    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(**asked)

    assert refused.value.code == "rate_limited"
    assert refused.value.response.headers["x-ratelimit-limit-requests"] == "1"
    assert int(refused.value.response.headers["retry-after"]) > 1


def test_redis_dies_and_comes_back_empty_under_load(
    limited: Limited, valkey: ValkeyProcess
) -> None:
    dev = limited()

    codes: list[int] = []

    async def work(client: httpx.AsyncClient, until: asyncio.Event) -> None:
        asked = body("[[n=2]]", max_tokens=16)
        while not until.is_set():
            codes.append((await client.post("/api/llm/chat/completions", json=asked)).status_code)

    async def some_are_answered() -> None:
        enough = len(codes) + 24
        async with asyncio.timeout(300):
            while len(codes) < enough:  # noqa: ASYNC110 - the workers have no event to await
                await asyncio.sleep(0.01)

    async def disturb() -> None:
        async with client_of(dev) as client:
            over = asyncio.Event()
            workers = [asyncio.create_task(work(client, over)) for _ in range(8)]
            for disturbance in (valkey.client.flushall, valkey.kill, valkey.start):
                await some_are_answered()
                await asyncio.to_thread(disturbance)
            await some_are_answered()
            over.set()
            await asyncio.gather(*workers)

    asyncio.run(disturb())

    assert set(codes) == {200}
    assert len(dev.receipts) == len(codes)
    assert verify() == []
    asked = Tier.objects.get(name="tight").requests_per_minute
    wait_for(lambda: dev.chat("[[n=2]]").is_success and _counted(dev, asked) > 0)


def _counted(dev: Developer, asked: int) -> int:
    return asked - int(now(dev)["requests_per_minute"]["remaining"])
