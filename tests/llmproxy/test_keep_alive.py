"""Silence is filled with comments, before the content and within it, up to a deadline."""

import json
from collections.abc import Iterator

import httpx
import pytest

from llmproxy.models import Model, Route
from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import CHAT, body, nothing_is_held
from tests.waiting import wait_for
from tests.webserver import WebServer, demo_server
from tokens.ledger.verify import verify

# Each is long enough for a busy machine, and each silence below is well within one or beyond it.
IMPATIENT = {
    "KEEPALIVE_SECONDS": "0.4",
    "UPSTREAM_FIRST_BYTE_TIMEOUT": "2.5",
    "UPSTREAM_IDLE_TIMEOUT": "2.5",
}


@pytest.fixture(scope="module")
def server(upstream: UpstreamProcess, django_db_setup: None) -> Iterator[WebServer]:
    other = {"GLAMA_BASE_URL": upstream.url, "GLAMA_API_KEY": "demo"}
    with demo_server(upstream, **other, **IMPATIENT) as server:
        yield server


@pytest.fixture
def dev(developer: Make, server: WebServer) -> Developer:
    return developer(server=server)


def parts(answer: httpx.Response) -> list[str]:
    return [part for part in answer.text.split("\n\n") if part]


def test_silence_before_the_content_is_filled_with_comments(dev: Developer) -> None:
    answer = dev.chat("[[n=3,first=1200]]", stream=True, stream_options={"include_usage": True})

    comments = [part for part in parts(answer) if part == ": keep-alive"]
    assert len(comments) >= 2
    assert parts(answer)[0] == ": keep-alive"
    assert parts(answer)[-1] == "data: [DONE]"
    assert "x-llm-provider" not in answer.headers
    (receipt,) = dev.receipts
    assert (receipt.status, receipt.completion_tokens, receipt.provider) == ("ok", 3, "demo")


def test_silence_between_chunks_is_filled_with_comments(dev: Developer) -> None:
    answer = dev.chat("[[n=2,d=1200]]", stream=True)

    assert answer.headers["x-llm-provider"] == "demo"
    assert parts(answer)[0] != ": keep-alive"
    assert ": keep-alive" in parts(answer)
    assert parts(answer)[-1] == "data: [DONE]"


def test_silence_in_other_dialects_is_filled_as_each_of_them_does(dev: Developer) -> None:
    asked = {"model": "openai/gpt-5-mini", "max_tokens": 50, "stream": True}
    said = "[[n=2,d=1200]]"

    messages = dev.http.post(
        "/v1/messages", json={**asked, "messages": [{"role": "user", "content": said}]}
    )
    responses = dev.http.post(
        "/v1/responses", json={"model": "openai/gpt-5-mini", "input": said, "stream": True}
    )

    kinds = [part.partition("\n")[0] for part in parts(messages)]
    between = kinds[kinds.index("event: content_block_delta") :]
    assert "event: ping" in between
    assert between[-1] == "event: message_stop"
    assert ": keep-alive" in parts(responses)
    assert parts(responses)[-1].startswith("event: response.completed")


def test_an_error_before_the_content_is_told_in_the_dialect_of_the_client(dev: Developer) -> None:
    said = "[[first=1200,status=500]]"
    asked = {"model": "openai/gpt-5-mini", "stream": True}

    messages = dev.http.post(
        "/v1/messages",
        json={**asked, "max_tokens": 9, "messages": [{"role": "user", "content": said}]},
    )
    responses = dev.http.post("/v1/responses", json={**asked, "input": said})

    assert (messages.status_code, responses.status_code) == (200, 200)
    assert parts(messages)[0] == parts(responses)[0] == ": keep-alive"
    assert parts(messages)[-1].startswith('event: error\ndata: {"type":"error"')
    assert parts(responses)[-1].startswith("event: response.failed\n")


def test_the_next_provider_is_asked_meanwhile(dev: Developer, catalog: Model) -> None:
    Route.objects.create(
        model=catalog, provider="glama", upstream_name="openai/gpt-5-mini", priority=200
    )

    answer = dev.chat("[[n=3,fault=stall_first,times=1,id=late]]", stream=True)

    assert parts(answer)[0] == ": keep-alive"
    assert parts(answer)[-1] == "data: [DONE]"
    (receipt,) = dev.receipts
    tries = [(each["provider"], each["outcome"]) for each in receipt.attempts]
    assert tries == [("demo", "first_byte_timeout"), ("glama", "ok")]


def test_the_deadline_that_was_missed_is_named(dev: Developer) -> None:
    """After a first byte that is no content it is another one."""
    dev.chat("[[n=3,fault=comments,first=60000]]", stream=True)

    (receipt,) = dev.receipts
    assert [each["outcome"] for each in receipt.attempts] == ["idle_timeout"]


@pytest.mark.parametrize(
    ("directive", "code"),
    [
        ("fault=stall_first", "upstream_timeout"),
        ("fault=status,status=500,first=1200", "upstream_error"),
    ],
)
def test_an_error_after_the_first_comment_is_told_in_band(
    dev: Developer, directive: str, code: str
) -> None:
    answer = dev.chat(f"[[{directive}]]", stream=True)

    assert answer.status_code == 200
    *comments, last = parts(answer)
    assert set(comments) == {": keep-alive"}
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == code
    (receipt,) = dev.receipts
    assert (receipt.status, receipt.charged) == ("failed", 0)
    assert dev.balance.reserved == 0


def test_silence_between_chunks_has_an_end(dev: Developer) -> None:
    answer = dev.chat("[[n=20,fault=stall_between,after=5]]", stream=True)

    last = json.loads(parts(answer)[-1].removeprefix("data: "))
    assert last["error"]["code"] == "upstream_timeout"
    (receipt,) = dev.receipts
    assert (receipt.status, receipt.source, receipt.final) == ("failed", "estimated", False)
    assert 0 < receipt.completion_tokens < 20


def test_leaving_among_the_comments(dev: Developer, upstream: UpstreamProcess) -> None:
    upstream.clear()
    with dev.http.stream("POST", CHAT, json=body("[[n=9,first=1200]]")) as answer:
        next(answer.iter_lines())

    wait_for(nothing_is_held)
    (receipt,) = dev.receipts
    # This provider tells no usage later, so its answer is read to the end.
    assert (receipt.status, receipt.source, receipt.final) == ("cancelled", "reported", True)
    assert receipt.completion_tokens == 9
    assert receipt.charged == receipt.prompt_tokens + 9
    assert verify() == []
