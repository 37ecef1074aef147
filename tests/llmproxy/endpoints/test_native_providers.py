"""Providers that speak Messages or Responses: what they send, what the client gets, the charge."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any, NamedTuple

import httpx
import orjson
import pytest

from llmproxy.models import Route
from tests.developer import MODEL, Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.scripted import SSE, Script, ScriptedUpstream
from tests.webserver import WebServer, demo_server
from tokens.ledger.verify import verify
from tokens.models import UsageRecord

Json = dict[str, Any]


def named(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + orjson.dumps({"type": kind, **fields}) + b"\n\n"


def start(**usage: int) -> bytes:
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "model": "x"}
    return named("message_start", message={**message, "stop_reason": None, "usage": usage})


def text(said: str) -> bytes:
    return named("content_block_delta", index=0, delta={"type": "text_delta", "text": said})


def stopped(**fields: Any) -> bytes:
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    return named("message_delta", delta=delta, **fields)


OPEN = named("content_block_start", index=0, content_block={"type": "text", "text": ""})
CLOSE = named("content_block_stop", index=0)
STOP = named("message_stop")
START = start(input_tokens=30, output_tokens=1)
USED = stopped(usage={"output_tokens": 4})
HELLO = [START, OPEN, text("Hel"), text("lo"), CLOSE]
OVERLOADED = named("error", error={"type": "overloaded_error", "message": "Overloaded"})

RESPONSE: Json = {
    "id": "r",
    "object": "response",
    "output": [],
    "status": "in_progress",
    "error": None,
}
CREATED = named("response.created", sequence_number=0, response=RESPONSE)
ITEM = named(
    "response.output_item.added",
    sequence_number=1,
    output_index=0,
    item={"id": "i", "type": "message", "role": "assistant", "content": []},
)


def delta(number: int, said: str) -> bytes:
    return named("response.output_text.delta", sequence_number=number, item_id="i", delta=said)


def whole(status: str, usage: object, **more: Any) -> Json:
    return {**RESPONSE, "status": status, "usage": usage, **more}


def ended(status: str, usage: object, **more: Any) -> bytes:
    response = whole(status, usage, **more)
    return named(f"response.{status}", sequence_number=9, response=response)


SAID = [CREATED, ITEM, delta(2, "Hel"), delta(3, "lo")]
COUNTED = {"input_tokens": 30, "output_tokens": 4, "total_tokens": 34}


@pytest.fixture(scope="module")
def server(
    upstream: UpstreamProcess, scripted: ScriptedUpstream, django_db_setup: None
) -> Iterator[WebServer]:
    env = {
        "OPENROUTER_BASE_URL": scripted.url,
        "OPENROUTER_API_KEY": "demo",
        "UPSTREAM_IDLE_TIMEOUT": "5",
    }
    with demo_server(upstream, **env) as server:
        yield server


@pytest.fixture
def dev(developer: Make, server: WebServer) -> Developer:
    Route.objects.update(provider="openrouter")
    return developer(10_000_000, server=server)


class Seen(NamedTuple):
    events: list[str]
    receipt: UsageRecord
    answer: httpx.Response

    @property
    def charge(self) -> tuple[int, int, int]:
        receipt = self.receipt
        return receipt.prompt_tokens, receipt.completion_tokens, receipt.cached_tokens


def ask(dev: Developer, path: str, *, stream: bool) -> Seen:
    asked: Json = {"model": MODEL, "stream": stream}
    if path == "messages":
        asked |= {"max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
    else:
        asked |= {"input": "hello", "max_output_tokens": 100}
    answer = dev.http.post(f"/v1/{path}", json=asked)
    lines = answer.text.splitlines()
    events = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert dev.balance.reserved == 0
    assert verify() == []
    return Seen(events, dev.receipts[-1], answer)


@pytest.mark.parametrize(
    ("parts", "charge", "source"),
    [
        pytest.param([*HELLO, USED, STOP], (30, 4, 0), "reported", id="plain"),
        pytest.param([*HELLO, USED], (30, 4, 0), "reported", id="no message_stop"),
        pytest.param([*HELLO, USED, STOP, b"data: [DONE]\n\n"], (30, 4, 0), "reported", id="done"),
        pytest.param(
            [b": hi\n\n", b"".join([*HELLO, USED, STOP]).replace(b"\n", b"\r\n")],
            (30, 4, 0),
            "reported",
            id="CRLF and comments",
        ),
        pytest.param(
            [*HELLO, b"event: x\ndata: {oops\n\n", USED, STOP], (30, 4, 0), "reported", id="no JSON"
        ),
        pytest.param(
            [start(input_tokens=10, cache_read_input_tokens=20), *HELLO[1:], USED, STOP],
            (30, 4, 20),
            "reported",
            id="cached",
        ),
        pytest.param([*HELLO, stopped(), STOP], (30, 2, 0), "estimated", id="no final usage"),
    ],
)
def test_a_stream_of_messages_is_passed_on_and_charged(
    dev: Developer,
    scripted: ScriptedUpstream,
    parts: list[bytes | None],
    charge: tuple[int, int, int],
    source: str,
) -> None:
    scripted.plays(Script(parts))

    seen = ask(dev, "messages", stream=True)

    assert seen.events[0] == "message_start"
    assert seen.events.count("content_block_delta") == 2
    assert seen.events[-2:] == ["message_delta", "message_stop"]
    assert (seen.charge, seen.receipt.source, seen.receipt.status) == (charge, source, "ok")


@pytest.mark.parametrize(
    ("parts", "charge", "source"),
    [
        pytest.param([*SAID, ended("completed", COUNTED)], (30, 4, 0), "reported", id="plain"),
        pytest.param(
            [*SAID, ended("completed", {**COUNTED, "total_tokens": 50})],
            (30, 20, 0),
            "reported",
            id="the total decides",
        ),
        pytest.param(
            [*SAID, ended("completed", {**COUNTED, "input_tokens_details": {"cached_tokens": 9}})],
            (30, 4, 9),
            "reported",
            id="cached",
        ),
        pytest.param(
            [*SAID, ended("completed", COUNTED), b"data: [DONE]\n\n"],
            (30, 4, 0),
            "reported",
            id="done",
        ),
    ],
)
def test_a_stream_of_responses_is_passed_on_and_charged(
    dev: Developer,
    scripted: ScriptedUpstream,
    parts: list[bytes | None],
    charge: tuple[int, int, int],
    source: str,
) -> None:
    scripted.plays(Script(parts))

    seen = ask(dev, "responses", stream=True)

    assert (seen.events[0], seen.events[-1]) == ("response.created", "response.completed")
    assert seen.events.count("response.output_text.delta") == 2
    assert (seen.charge, seen.receipt.source, seen.receipt.status) == (charge, source, "ok")


@pytest.mark.parametrize(
    ("path", "parts", "last"),
    [
        ("messages", [*HELLO[:-1], OVERLOADED], "error"),
        ("messages", [*HELLO[:-1], None], "error"),
        ("messages", HELLO[:-1], "error"),
        ("responses", [*SAID, None], "response.failed"),
        ("responses", SAID, "response.failed"),
        ("responses", [*SAID, named("error", code="x", message="Broken")], "response.failed"),
        (
            "responses",
            [*SAID, ended("failed", None, error={"code": "server_error", "message": "Broken"})],
            "response.failed",
        ),
    ],
)
def test_a_stream_that_breaks_off_ends_with_one_error_and_charges_the_output_alone(
    dev: Developer,
    scripted: ScriptedUpstream,
    path: str,
    parts: list[bytes | None],
    last: str,
) -> None:
    scripted.plays(Script(parts))

    seen = ask(dev, path, stream=True)

    assert seen.events[-1] == last
    assert seen.events.count(last) == 1
    assert f"{seen.receipt.charged} tokens were charged" in seen.answer.text
    assert (seen.receipt.status, seen.charge) == ("failed", (0, 2, 0))


@pytest.mark.parametrize(
    ("path", "parts", "status"),
    [
        ("messages", [START, STOP], 502),
        ("messages", [START, OVERLOADED], 502),
        ("messages", [orjson.dumps({"type": "message", "content": [], "usage": {}})], 502),
        ("messages", [b"<html>busy</html>"], 502),
        (
            "messages",
            [named("error", error={"type": "invalid_request_error", "message": "Bad tool"})],
            400,
        ),
        ("responses", [CREATED, ended("failed", None, error={"message": "Broken"})], 502),
        ("responses", [orjson.dumps(whole("completed", COUNTED))], 502),
    ],
)
def test_what_comes_instead_of_content_is_an_error_and_free(
    dev: Developer, scripted: ScriptedUpstream, path: str, parts: list[bytes | None], status: int
) -> None:
    scripted.plays(Script(parts))

    seen = ask(dev, path, stream=True)

    assert seen.answer.status_code == status
    assert seen.receipt.charged == 0


@pytest.mark.parametrize(
    ("path", "body", "charge", "status"),
    [
        (
            "messages",
            {
                "type": "message",
                "content": [{"type": "text", "text": "Hello"}],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": 7, "cache_creation_input_tokens": 3, "output_tokens": 2},
            },
            (10, 2, 0),
            200,
        ),
        ("messages", {"type": "error", "error": {"type": "api_error", "message": "x"}}, None, 502),
        ("messages", {"error": {"message": "x", "code": 503}}, None, 502),
        ("messages", {"type": "message", "content": []}, None, 502),
        ("responses", whole("completed", COUNTED), (30, 4, 0), 200),
        ("responses", whole("failed", None, error={"message": "x"}), None, 502),
        ("responses", [], None, 502),
    ],
)
def test_a_whole_answer(
    dev: Developer,
    scripted: ScriptedUpstream,
    path: str,
    body: object,
    charge: tuple[int, int, int] | None,
    status: int,
) -> None:
    scripted.plays(Script([orjson.dumps(body)], kind="application/json"))

    seen = ask(dev, path, stream=False)

    assert seen.answer.status_code == status
    if charge is None:
        assert seen.receipt.charged == 0
    else:
        assert seen.answer.json() == body
        assert seen.charge == charge


def test_a_provider_that_ignores_the_limit_is_cut_off(
    dev: Developer, scripted: ScriptedUpstream
) -> None:
    # So long that it is cut off before it ends, however much of it comes at once.
    words = repeat(text("word " * 40), 100_000)
    scripted.plays(Script(chain([START, OPEN], words, [CLOSE, USED, STOP]), kind=SSE))

    seen = ask(dev, "messages", stream=True)

    assert seen.events[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert '"stop_reason":"max_tokens"' in seen.answer.text
    assert seen.receipt.completion_tokens == 100

    deltas = (delta(number, "word " * 40) for number in range(2, 100_002))
    scripted.plays(Script(chain([CREATED, ITEM], deltas, [ended("completed", COUNTED)])))

    seen = ask(dev, "responses", stream=True)

    assert seen.events[-1] == "response.incomplete"
    assert '"reason":"max_output_tokens"' in seen.answer.text
    assert seen.receipt.completion_tokens == 100
