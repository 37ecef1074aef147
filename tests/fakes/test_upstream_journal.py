"""What the demo upstream remembers, and its usage lookups."""

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from devserver.upstream.client import KEY, MODEL, chat, get, open_stream, post
from tests.fakes.upstream_process import UpstreamProcess
from tests.waiting import wait_for

LONG = chat("[[n=100000,d=2]]")


@pytest.fixture(scope="module")
def process() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        yield process


@pytest.fixture
def upstream(process: UpstreamProcess) -> UpstreamProcess:
    process.clear()
    return process


def leave_mid_stream(upstream: UpstreamProcess) -> dict[str, Any]:
    with open_stream(upstream, LONG) as response:
        received = b""
        for data in response.iter_raw():
            received += data
            if received.count(b"data:") > 5:
                break
    wait_for(lambda: upstream.totals()["cancelled"] == 1)
    return upstream.journal()[0]


def test_a_request_is_remembered(upstream: UpstreamProcess) -> None:
    body = chat("[[n=4]]", user="ada", max_tokens=9, custom={"a": 1})
    answer = post(upstream, body, headers={"X-Title": "Test"})
    (entry,) = upstream.journal()
    assert entry["id"] == answer.json()["id"] == answer.headers["x-generation-id"]
    assert entry["request_id"] == answer.headers["x-request-id"]
    assert (entry["model"], entry["path"], entry["user"]) == (MODEL, "/chat/completions", "ada")
    assert (entry["status"], entry["outcome"]) == (200, "finished")
    assert entry["reported"]["completion_tokens"] == entry["completion_tokens"] == 4
    assert entry["headers"]["x-title"] == "Test"
    assert entry["headers"]["authorization"] == "…1234"
    assert entry["keys"] == ["model", "messages", "user", "max_tokens", "custom"]
    assert entry["params"]["max_tokens"] == 9
    assert "messages" not in entry["params"]


def test_the_journal_narrows(upstream: UpstreamProcess) -> None:
    for user in ("ada", "bob", "ada"):
        post(upstream, chat("[[n=1]]", user=user))
    post(upstream, {**chat("[[n=1]]"), "model": "openai/gpt-5"})
    assert len(upstream.journal(user="ada")) == 2
    assert len(upstream.journal(model="openai/gpt-5")) == 1
    assert [entry["user"] for entry in upstream.journal(last=2)] == ["ada", None]
    assert upstream.journal(outcome="cancelled") == []


def test_totals_sum_what_was_reported(upstream: UpstreamProcess) -> None:
    post(upstream, chat("[[n=4,prompt=10]]"))
    post(upstream, chat("[[n=6,prompt=20]]", stream=True, stream_options={"include_usage": True}))
    post(upstream, chat("[[n=8,prompt=30]]", stream=True))
    post(upstream, chat("[[status=500]]"))
    assert upstream.totals() == {
        "requests": 4,
        "finished": 3,
        "cancelled": 0,
        "fault": 1,
        "rejected": 0,
        "running": 0,
        "prompt_tokens": 30,
        "completion_tokens": 10,
    }
    upstream.clear()
    assert upstream.totals()["requests"] == 0


def test_a_client_that_leaves_stops_the_stream(upstream: UpstreamProcess) -> None:
    entry = leave_mid_stream(upstream)
    assert entry["outcome"] == "cancelled"
    assert 5 <= entry["chunks_sent"] == entry["completion_tokens"] < 1000
    assert entry["reported"] is None
    assert upstream.totals()["running"] == 0


def test_a_client_that_leaves_a_json_answer_pays_for_it_whole(upstream: UpstreamProcess) -> None:
    address, body = ("127.0.0.1", upstream.port), json.dumps(chat("[[n=50,d=9000]]"))
    with socket.create_connection(address) as client:
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k"
        client.sendall(f"{head}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        wait_for(lambda: upstream.totals()["running"] == 1)
        wait_for(lambda: upstream.journal()[0]["completion_tokens"] == 50)
    wait_for(lambda: upstream.totals()["cancelled"] == 1)
    (entry,) = upstream.journal()
    assert (entry["completion_tokens"], entry["reported"]) == (50, None)


async def test_many_clients_leave_at_once(upstream: UpstreamProcess) -> None:
    async with httpx.AsyncClient(trust_env=False, headers=KEY, timeout=120) as client:

        async def leave() -> None:
            url = f"{upstream.url}/chat/completions"
            async with client.stream("POST", url, json={**LONG, "stream": True}) as response:
                await anext(response.aiter_raw())

        await asyncio.gather(*(leave() for _ in range(50)))
    wait_for(lambda: upstream.totals()["cancelled"] == 50)
    assert upstream.totals()["running"] == 0


def test_openrouters_usage_lookup(upstream: UpstreamProcess) -> None:
    answer = post(upstream, chat("[[n=10,prompt=1000]]")).json()
    data = get(upstream, "/generation", id=answer["id"]).json()["data"]
    assert data["id"] == answer["id"]
    assert (data["native_tokens_prompt"], data["native_tokens_completion"]) == (1000, 10)
    assert (data["tokens_prompt"], data["tokens_completion"]) == (1000, 10)
    assert data["total_cost"] == pytest.approx(0.00027)
    assert (data["cancelled"], data["finish_reason"]) == (False, "stop")


def test_the_usage_lookup_of_a_cancelled_stream_counts_what_was_written(
    upstream: UpstreamProcess,
) -> None:
    entry = leave_mid_stream(upstream)
    data = get(upstream, "/generation", id=entry["id"]).json()["data"]
    assert data["cancelled"] is True
    assert data["native_tokens_completion"] == entry["chunks_sent"]
    word = get(upstream, f"/completion-requests/{entry['request_id']}").json()
    assert word["tokenUsage"]["completionTokens"] == entry["chunks_sent"]


def test_the_usage_lookup_of_a_running_stream_is_awaited(upstream: UpstreamProcess) -> None:
    with open_stream(upstream, LONG) as response:
        arriving = response.iter_raw()
        next(arriving)
        ident = response.headers["x-generation-id"]
        assert get(upstream, "/generation", id=ident).status_code == 404


def test_a_usage_lookup_may_be_delayed(upstream: UpstreamProcess) -> None:
    ident = post(upstream, chat("[[n=1,later=2]]")).json()["id"]
    seen = [get(upstream, "/generation", id=ident).status_code for _ in range(3)]
    assert seen == [404, 404, 200]


def test_glamas_usage_lookup(upstream: UpstreamProcess) -> None:
    answer = post(upstream, chat("[[n=10,prompt=1000,cached=300,later=1]]"))
    path = f"/completion-requests/{answer.headers['x-request-id']}"
    late, word = get(upstream, path).json(), get(upstream, path).json()
    assert (late["tokenUsage"], late["totalCostUsd"]) == (None, None)
    assert word["tokenUsage"] == {
        "promptTokens": 1000,
        "completionTokens": 10,
        "cacheReadInputTokens": 300,
        "cacheCreationInputTokens": 0,
    }
    assert word["totalCostUsd"] == "0.00027"


def test_what_was_never_generated_has_no_usage_lookup(upstream: UpstreamProcess) -> None:
    post(upstream, chat("[[status=500]]"))
    (entry,) = upstream.journal()
    assert get(upstream, "/generation", id=entry["id"]).status_code == 404


def test_clearing_under_a_running_stream_leaves_the_sums_right(upstream: UpstreamProcess) -> None:
    with open_stream(upstream, LONG) as response:
        arriving = response.iter_raw()
        next(arriving)
        upstream.clear()
    assert set(upstream.totals().values()) == {0}


def test_the_journal_keeps_the_last_ten_thousand(upstream: UpstreamProcess) -> None:
    asked, body = 10_020, json.dumps(chat("[[n=1]]", stop="\x00")).encode()
    head = b"POST /chat/completions HTTP/1.1\r\nauthorization: Bearer k\r\n"
    request = head + b"content-length: %d\r\n\r\n" % len(body) + body
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=120) as connection:
        for _ in range(asked // 20):
            connection.sendall(20 * request)
            answered = 0
            while answered < 20:
                answered += connection.recv(65536).count(b"HTTP/1.1 200")
    assert upstream.totals()["requests"] == asked
    assert len(upstream.journal()) == 10_000


def test_unknown_control_endpoints_are_refused(upstream: UpstreamProcess) -> None:
    assert httpx.get(f"{upstream.root}/_control/none", trust_env=False).status_code == 404
    assert httpx.get(f"{upstream.root}/_control/faults", trust_env=False).status_code == 405
