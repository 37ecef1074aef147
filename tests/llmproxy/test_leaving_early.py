"""Leaving early saves nothing: what a provider has accepted is charged as the provider counts it.

A JSON answer is read to its end. A stream is cancelled where the provider tells later what it
used, and else read to its end, within bounds.
"""

import asyncio
import json
import os
import random
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.utils import timezone
from pytest_django import Settings

from llmproxy.models import Route
from llmproxy.settlement.reconciliation import reconcile
from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import CHAT, body, nothing_is_held
from tests.waiting import wait_for
from tests.webserver import WebServer, demo_server
from tokens.ledger.verify import verify
from tokens.models import UsageRecord

LEAVINGS = int(os.environ.get("LEAVINGS", "200"))


def environment(upstream: UpstreamProcess) -> dict[str, str]:
    return {"OPENROUTER_BASE_URL": upstream.url, "OPENROUTER_API_KEY": "demo"}


@pytest.fixture(scope="module")
def server(upstream: UpstreamProcess, django_db_setup: None) -> Iterator[WebServer]:
    with demo_server(upstream, **environment(upstream)) as server:
        yield server


@pytest.fixture(scope="module")
def strict(upstream: UpstreamProcess, django_db_setup: None) -> Iterator[WebServer]:
    """A server that reads no stream on whose client has left."""
    with demo_server(upstream, LEFT_STREAMS="0") as server:
        yield server


@pytest.fixture(scope="module")
def hasty(upstream: UpstreamProcess, django_db_setup: None) -> Iterator[WebServer]:
    """A server that reads them on for half a second."""
    with demo_server(upstream, LEFT_STREAM_TIMEOUT="0.5") as server:
        yield server


@pytest.fixture(autouse=True)
def _fresh(settings: Settings, upstream: UpstreamProcess) -> Iterator[None]:
    settings.UPSTREAMS = dict.fromkeys(("openrouter", "demo"), (upstream.url, "demo"))
    upstream.clear()
    yield
    upstream.clear()


def leave(
    dev: Developer, upstream: UpstreamProcess, directive: str, *, stream: bool, events: int = 0
) -> UsageRecord:
    """Ask, and go after so many events, or when the provider is asked; returns the receipt."""
    asked = {**body(f"[[{directive}]]"), "stream": stream}
    if events:
        with dev.http.stream("POST", CHAT, json=asked) as answer:
            lines = (line for line in answer.iter_lines() if line.startswith("data:"))
            for _ in range(events):
                next(lines)
    else:
        _go_unanswered(dev, upstream, json.dumps(asked).encode())
    wait_for(lambda: bool(dev.receipts))
    wait_for(nothing_is_held)
    return dev.receipts[-1]


def _go_unanswered(dev: Developer, upstream: UpstreamProcess, content: bytes) -> None:
    site = dev.http.base_url
    assert site.port
    head = [f"POST {CHAT} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {dev.key}"]
    with socket.create_connection((site.host, site.port), timeout=120) as client:
        client.sendall("\r\n".join([*head, f"Content-Length: {len(content)}", "", ""]).encode())
        client.sendall(content)
        wait_for(lambda: upstream.totals()["running"] == 1)


@pytest.mark.parametrize("provider", ["demo", "openrouter"])
def test_a_json_answer_is_read_to_its_end_and_charged_as_reported(
    developer: Make, server: WebServer, upstream: UpstreamProcess, provider: str
) -> None:
    dev = developer(server=server)
    Route.objects.update(provider=provider)

    receipt = leave(dev, upstream, "n=20,d=100,prompt=321", stream=False)

    assert (receipt.status, receipt.source, receipt.final) == ("cancelled", "reported", True)
    assert (receipt.prompt_tokens, receipt.completion_tokens) == (321, 20)
    assert receipt.charged == dev.balance.used == 341
    assert verify() == []


@pytest.mark.parametrize(
    ("directive", "events"),
    [("n=20,d=50,prompt=321", 3), ("n=20,first=1500,prompt=321", 0)],
    ids=["mid-stream", "before the head"],
)
def test_a_stream_of_a_provider_that_tells_nothing_later_is_read_to_its_end(
    developer: Make, server: WebServer, upstream: UpstreamProcess, directive: str, events: int
) -> None:
    dev = developer(server=server)

    receipt = leave(dev, upstream, directive, stream=True, events=events)

    assert (receipt.status, receipt.source, receipt.final) == ("cancelled", "reported", True)
    assert receipt.charged == dev.balance.used == 341


@pytest.mark.parametrize(
    ("directive", "events"),
    [
        ("n=200,d=20,prompt=321", 3),
        ("n=200,d=20,first=1500,prompt=321", 0),
        ("n=200,d=20,first=20000,prompt=321,fault=comments", 0),
    ],
    ids=["mid-stream", "before the head", "between head and content"],
)
def test_a_stream_of_a_provider_that_tells_later_is_cancelled_and_settled_by_that(
    developer: Make, server: WebServer, upstream: UpstreamProcess, directive: str, events: int
) -> None:
    dev = developer(server=server)
    Route.objects.update(provider="openrouter")

    guess = leave(dev, upstream, directive, stream=True, events=events)

    assert (guess.status, guess.source, guess.final) == ("cancelled", "estimated", False)
    assert guess.prompt_tokens > 0
    assert guess.charged == dev.balance.used
    wait_for(lambda: upstream.journal()[-1]["outcome"] == "cancelled")
    reconcile()
    truth = upstream.journal()[-1]
    assert truth["completion_tokens"] < 200
    assert dev.balance.used == 321 + truth["completion_tokens"]
    assert verify() == []


def test_beyond_the_streams_that_are_read_on_the_local_count_is_charged(
    developer: Make, strict: WebServer, upstream: UpstreamProcess
) -> None:
    dev = developer(server=strict)

    receipt = leave(dev, upstream, "n=200,d=20", stream=True, events=20)

    assert (receipt.status, receipt.source) == ("cancelled", "estimated")
    assert receipt.prompt_tokens > 0
    assert 0 < receipt.completion_tokens < 200
    wait_for(lambda: upstream.journal()[-1]["outcome"] == "cancelled")


@pytest.mark.parametrize("fault", ["", ",fault=stall_between,after=30"])
def test_past_the_deadline_the_local_count_is_charged(
    developer: Make, hasty: WebServer, upstream: UpstreamProcess, fault: str
) -> None:
    dev = developer(server=hasty)

    receipt = leave(dev, upstream, f"n=200,d=20{fault}", stream=True, events=20)

    assert (receipt.status, receipt.source) == ("cancelled", "estimated")
    assert receipt.prompt_tokens > 0
    assert 0 < receipt.completion_tokens < 200
    wait_for(lambda: upstream.journal()[-1]["outcome"] in ("cancelled", "fault"))


def test_nobody_else_is_asked_for_a_client_that_has_gone(
    developer: Make, server: WebServer, upstream: UpstreamProcess
) -> None:
    dev = developer(server=server)
    model = Route.objects.get().model
    Route.objects.create(model=model, provider="openrouter", upstream_name=model.name, priority=200)

    receipt = leave(dev, upstream, "n=5,first=600,fault=error_in_200,times=1,id=gone", stream=False)

    assert (receipt.status, receipt.charged) == ("cancelled", 0)
    assert len(upstream.journal()) == 1


def remaining(dev: Developer) -> int:
    return int(dev.chat("[[n=1,prompt=1]]").headers["x-ratelimit-remaining-tokens"])


def test_the_hold_of_a_left_request_counts_in_the_window_until_its_usage_is_known(
    developer: Make, server: WebServer, upstream: UpstreamProcess
) -> None:
    dev = developer(server=server)
    Route.objects.update(provider="openrouter")
    before = remaining(dev)

    receipt = leave(dev, upstream, "n=200,d=20,prompt=1", stream=True, events=3)

    assert before - remaining(dev) >= 200 > receipt.charged  # It asked for 200.


def test_a_stream_that_the_provider_breaks_off_says_what_was_charged_for_its_output(
    developer: Make, server: WebServer
) -> None:
    dev = developer(server=server)

    answer = dev.chat("[[n=40,prompt=7777,after=10,fault=cut]]", stream=True)

    (receipt,) = dev.receipts
    assert (receipt.prompt_tokens, receipt.status) == (0, "failed")
    assert 0 < receipt.completion_tokens <= 40
    last = [line for line in answer.text.splitlines() if line.startswith("data:")][-1]
    error: dict[str, Any] = json.loads(last.removeprefix("data:"))["error"]
    assert error["charged"] == receipt.charged == dev.balance.used
    assert str(receipt.charged) in error["message"]


def test_a_stream_that_the_provider_breaks_off_is_settled_by_its_final_usage(
    developer: Make, server: WebServer, upstream: UpstreamProcess
) -> None:
    dev = developer(server=server)
    Route.objects.update(provider="openrouter")

    dev.chat("[[n=40,prompt=777,after=10,fault=cut_tcp]]", stream=True)
    assert dev.receipts[0].prompt_tokens == 0
    reconcile()

    assert dev.balance.used == 777 + upstream.journal()[-1]["completion_tokens"]
    assert verify() == []


async def leave_at_random(dev: Developer, count: int, chance: random.Random) -> None:
    limits = httpx.Limits(max_connections=None)
    headers = {"Authorization": f"Bearer {dev.key}"}
    at_once = asyncio.Semaphore(40)
    async with httpx.AsyncClient(
        base_url=dev.http.base_url, headers=headers, limits=limits, trust_env=False
    ) as client:

        async def one() -> None:
            prompt, stream = chance.randint(1, 3000), chance.random() < 0.7
            tokens, first = chance.randint(1, 50), chance.choice([0, 0, 100])
            asked = body(f"[[n={tokens},d=5,prompt={prompt},first={first}]]")
            try:
                async with at_once, asyncio.timeout(chance.uniform(0, 0.6)):
                    await client.post(CHAT, json={**asked, "stream": stream}, timeout=None)
            except TimeoutError:
                pass

        await asyncio.gather(*(one() for _ in range(count)))


@pytest.mark.parametrize("provider", ["demo", "openrouter"])
def test_what_random_leavings_are_charged_equals_the_books_of_the_upstream(
    developer: Make, server: WebServer, upstream: UpstreamProcess, provider: str
) -> None:
    dev = developer(100_000_000, server=server)
    Route.objects.update(provider=provider)
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails

    asyncio.run(leave_at_random(dev, LEAVINGS // 2, random.Random(seed)))
    wait_for(lambda: upstream.totals()["running"] == 0)
    wait_for(nothing_is_held)
    UsageRecord.objects.update(ask_at=timezone.now())
    reconcile()

    books = upstream.journal()
    truth = sum(each["prompt_tokens"] + each["completion_tokens"] for each in books)
    assert sum(receipt.charged for receipt in dev.receipts) == truth == dev.balance.used
    assert all(receipt.final for receipt in dev.receipts)
    assert dev.balance.reserved == 0
    assert verify() == []
