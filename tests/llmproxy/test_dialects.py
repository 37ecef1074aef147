"""Providers as they really speak: what they send, what the client gets, what is charged.

One table over real sockets. The frames are those of public bug reports of gateways.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmproxy.models import Route
from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.scripted import DONE, SSE, Script, ScriptedUpstream, event
from tests.webserver import WebServer, demo_server
from tokens.ledger.verify import verify
from tokens.models import UsageRecord

USAGE = {"prompt_tokens": 30, "completion_tokens": 4, "total_tokens": 34}
ROLE = {"role": "assistant", "content": ""}


@pytest.fixture(scope="module")
def server(
    upstream: UpstreamProcess, scripted: ScriptedUpstream, django_db_setup: None
) -> Iterator[WebServer]:
    other = {"GLAMA_BASE_URL": upstream.url, "GLAMA_API_KEY": "demo"}
    env = {"UPSTREAM_BASE_URL": scripted.url, "UPSTREAM_IDLE_TIMEOUT": "5", **other}
    with demo_server(upstream, **env) as server:
        yield server


@pytest.fixture
def dev(developer: Make, server: WebServer) -> Developer:
    return developer(10_000_000, server=server)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return event({"id": "c", "object": "chat.completion.chunk", "choices": choices, **more})


def usage(figures: object) -> bytes:
    return event({"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": figures})


def answer(message: dict[str, Any], **more: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return orjson.dumps({"id": "c", "object": "chat.completion", "choices": [choice], **more})


STOP = chunk(finish="stop")
HELLO = [chunk(ROLE), chunk({"content": "Hel"}), chunk({"content": "lo"}), STOP]


class Seen(NamedTuple):
    """What came of a request: the text, how it ended, and the receipt."""

    text: str
    end: str
    receipt: UsageRecord
    answer: httpx.Response


def ask(dev: Developer, *, stream: bool, **fields: Any) -> Seen:
    got = dev.chat("hello", stream=stream, max_tokens=100, **fields)
    assert dev.balance.reserved == 0
    receipt = dev.receipts[-1]
    if got.status_code != 200:
        return Seen("", got.json()["error"]["code"], receipt, got)
    if not stream:
        choices = got.json()["choices"]
        return Seen(choices[0]["message"]["content"] or "", "whole", receipt, got)
    values = [line[6:] for line in got.text.splitlines() if line.startswith("data: ")]
    last = values.pop()
    chunks = [json.loads(value) for value in values]  # As SDKs do: every frame is JSON.
    text = [
        choice["delta"].get("content") or "" for one in chunks for choice in one.get("choices", [])
    ]
    end = last if last == "[DONE]" else json.loads(last)["error"]["code"]
    return Seen("".join(text), end, receipt, got)


def play(dev: Developer, scripted: ScriptedUpstream, *parts: bytes | None, **script: Any) -> Seen:
    scripted.plays(Script(list(parts), **script))
    return ask(dev, stream=True)


@pytest.mark.parametrize(
    ("frames", "prompt", "completion", "source"),
    [
        ([USAGE], 30, 4, "reported"),
        ([{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 450}], 10, 440, "reported"),
        ([{"prompt_tokens": 1000, "completion_tokens": None}], 1000, 2, "estimated"),
        ([{"total_tokens": 1050}], 1048, 2, "estimated"),
        ([{"prompt_tokens": "7", "completion_tokens": "8"}], 7, 8, "reported"),
        ([{"prompt_tokens": 7}, {"completion_tokens": 8}], 7, 8, "reported"),
        ([USAGE, {"prompt_tokens": 0, "completion_tokens": 0}], 30, 4, "reported"),
        ([{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}], 0, 0, "reported"),
        ([{"input_tokens": 3, "output_tokens": 2}], 3, 2, "reported"),
    ],
)
def test_usage_is_charged_as_it_is_said(
    dev: Developer,
    scripted: ScriptedUpstream,
    frames: list[dict[str, Any]],
    prompt: int,
    completion: int,
    source: str,
) -> None:
    seen = play(dev, scripted, *HELLO, *map(usage, frames), DONE)

    assert (seen.text, seen.end, seen.receipt.status) == ("Hello", "[DONE]", "ok")
    assert (seen.receipt.prompt_tokens, seen.receipt.completion_tokens) == (prompt, completion)
    assert (seen.receipt.source, seen.receipt.final) == (source, True)
    assert dev.balance.used == prompt + completion


@pytest.mark.parametrize("done", [[DONE], []])
def test_cumulative_usage_and_a_finish_on_every_chunk(
    dev: Developer, scripted: ScriptedUpstream, done: list[bytes]
) -> None:
    frames = [
        chunk({"content": word}, "stop", usage={"prompt_tokens": 9, "completion_tokens": at})
        for at, word in enumerate(("one ", "two ", "three ", "four"), 1)
    ]

    seen = play(dev, scripted, *frames, *done)

    assert (seen.text, seen.end) == ("one two three four", "[DONE]")
    assert (seen.receipt.prompt_tokens, seen.receipt.completion_tokens) == (9, 4)


def test_what_follows_a_finish_is_relayed(dev: Developer, scripted: ScriptedUpstream) -> None:
    call = {"index": 0, "id": "t", "function": {"name": "find", "arguments": "{}"}}

    seen = play(dev, scripted, *HELLO, chunk({"tool_calls": [call]}), usage(USAGE), DONE)

    assert '"name":"find"' in seen.answer.text
    assert seen.receipt.charged == 34


@pytest.mark.parametrize(
    "delta",
    [
        {"function_call": {"name": "find", "arguments": "{}" * 20}},
        {"tool_calls": [{"index": 0, "custom": {"name": "run", "input": "ls" * 20}}]},
        {"content": [{"type": "text", "text": "hello" * 10}]},
        {"audio": {"transcript": "hello" * 10}},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hmm" * 15}]},
        {"something_new": {"deep": ["words" * 10]}},
    ],
)
def test_output_in_any_field_begins_the_answer_and_is_counted(
    dev: Developer, scripted: ScriptedUpstream, delta: dict[str, Any]
) -> None:
    scripted.plays(Script([chunk(ROLE), chunk(delta), None]))

    got = dev.chat("hello", stream=True, max_tokens=100)

    assert got.status_code == 200  # It had begun when the provider broke off.
    assert chunk(delta).decode() in got.text
    assert 8 <= dev.receipts[-1].completion_tokens <= 20


@pytest.mark.parametrize(
    "garbage", [b"data: {oops}\n\n", b'data: {"choices": [\n\n', b"data: hm\n\n"]
)
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_frame_that_is_no_json_is_dropped_and_the_stream_goes_on(
    dev: Developer, scripted: ScriptedUpstream, garbage: bytes, at: int
) -> None:
    frames = [*HELLO[:at], garbage, *HELLO[at:], usage(USAGE), DONE]

    for parts in (frames, [b"".join(frames)]):
        seen = play(dev, scripted, *parts)
        assert (seen.text, seen.end, seen.receipt.charged) == ("Hello", "[DONE]", 34)


EMPTY_STREAMS = [
    [DONE],
    [],
    [chunk(ROLE), DONE],
    [b": hi\n\n", DONE],
    [event({"choices": None}), DONE],
    [event({"choices": []}), DONE],
]
EMPTY_ANSWERS = [
    b'{"choices": null}',
    b'{"choices": []}',
    b'{"choices": [{"message": {"role": "assistant", "content": null}}]}',
    b"",
]


@pytest.mark.parametrize("parts", EMPTY_STREAMS)
def test_an_empty_stream_is_an_error(
    dev: Developer, scripted: ScriptedUpstream, parts: list[bytes]
) -> None:
    seen = play(dev, scripted, *parts)

    assert (seen.end, seen.receipt.charged, seen.receipt.status) == ("upstream_error", 0, "failed")


@pytest.mark.parametrize("body", EMPTY_ANSWERS)
def test_an_empty_answer_is_an_error(
    dev: Developer, scripted: ScriptedUpstream, body: bytes
) -> None:
    scripted.plays(Script([body] if body else [], kind="application/json"))

    seen = ask(dev, stream=False)

    assert (seen.end, seen.receipt.charged, seen.receipt.status) == ("upstream_error", 0, "failed")


@pytest.mark.parametrize("stream", [True, False])
def test_an_empty_answer_is_charged_what_its_usage_says(
    dev: Developer, scripted: ScriptedUpstream, stream: bool
) -> None:
    whole = orjson.dumps({"choices": [], "usage": USAGE})
    scripted.plays(Script([chunk(ROLE), usage(USAGE), DONE] if stream else [whole]))

    seen = ask(dev, stream=stream)

    assert (seen.end, seen.receipt.charged, seen.receipt.source) == (
        "upstream_error",
        34,
        "reported",
    )
    assert seen.answer.json()["error"]["charged"] == 34


@pytest.mark.parametrize("stream", [True, False])
def test_another_provider_is_asked_after_an_empty_answer(
    dev: Developer, scripted: ScriptedUpstream, stream: bool
) -> None:
    model = Route.objects.get().model
    Route.objects.create(model=model, provider="glama", upstream_name=model.name, priority=200)
    scripted.plays(Script([chunk(ROLE), usage(USAGE), DONE] if stream else [b'{"choices": []}']))

    seen = ask(dev, stream=stream)

    assert (seen.receipt.status, seen.receipt.provider) == ("ok", "glama")
    assert seen.receipt.attempts[0]["outcome"] == "empty_answer"


ERRORS: list[dict[str, Any]] = [
    {"object": "error", "message": "broken", "code": 500},
    {"detail": "broken"},
    {"message": "broken"},
    {"error": "broken"},
    {"type": "error", "error": {"type": "overloaded_error", "message": "broken"}},
    {"choices": [{"index": 0, "delta": {}, "message": {}, "finish_reason": "error"}]},
]


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_of_any_shape_in_a_200(
    dev: Developer, scripted: ScriptedUpstream, error: dict[str, Any]
) -> None:
    before = play(dev, scripted, chunk(ROLE), event(error), DONE)
    midway = play(dev, scripted, *HELLO[:3], event(error), DONE)
    scripted.plays(Script([orjson.dumps(error)], kind="application/json"))
    whole = ask(dev, stream=False)

    for seen in (before, whole):
        assert seen.answer.status_code in (502, 503)
        assert (seen.receipt.charged, seen.receipt.status) == (0, "failed")
    assert midway.end in ("upstream_error", "no_upstream")
    assert (midway.text, midway.receipt.status) == ("Hello", "failed")
    assert midway.receipt.prompt_tokens == 0


def test_an_event_that_is_called_error(dev: Developer, scripted: ScriptedUpstream) -> None:
    seen = play(dev, scripted, *HELLO[:3], b"event: error\ndata: broken\n\n")

    assert (seen.end, seen.receipt.status) == ("upstream_error", "failed")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (
            400,
            b'{"message": "prompt is too long: 210000 tokens > 200000 maximum"}',
            "context_length_exceeded",
        ),
        (400, b'[{"error": {"code": 400, "message": "the words"}}]', "invalid_request"),
        (422, b'{"detail": [{"loc": ["body", "top_p"], "msg": "the words"}]}', "invalid_request"),
        (400, b"the words", "invalid_request"),
        (400, b"<html><title>the words</title></html>", "invalid_request"),
        (400, b'{"error": {"message": "Your credit balance is too low"}}', "no_upstream"),
    ],
)
def test_a_refusal_of_any_shape(
    dev: Developer, scripted: ScriptedUpstream, status: int, body: bytes, code: str
) -> None:
    for stream in (True, False):
        scripted.plays(Script([body], status=status, kind="application/json"))
        seen = ask(dev, stream=stream)

        assert (seen.end, seen.receipt.charged) == (code, 0)
        message = seen.answer.json()["error"]["message"]
        assert "the words" in message if code == "invalid_request" else "credit" not in message


@pytest.mark.parametrize("kind", [SSE, "text/plain", "application/json", None, "text/html"])
def test_the_form_of_an_answer_is_looked_at_whatever_its_type_says(
    dev: Developer, scripted: ScriptedUpstream, kind: str | None
) -> None:
    whole = answer({"content": "Hello"}, usage=USAGE)
    for parts in ([*HELLO, usage(USAGE), DONE], [whole], [b"\xef\xbb\xbf\n" + whole]):
        for stream in (True, False):
            scripted.plays(Script(list(parts), kind=kind))
            seen = ask(dev, stream=stream)
            assert (seen.text, seen.end) == ("Hello", "[DONE]" if stream else "whole")
            assert (seen.receipt.charged, seen.receipt.status) == (34, "ok")
            expected = "text/event-stream" if stream else "application/json"
            assert seen.answer.headers["content-type"] == expected


def test_tools_survive_the_change_of_form(dev: Developer, scripted: ScriptedUpstream) -> None:
    function = {"name": "find", "arguments": '{"a": 1}'}
    call = {"id": "t", "type": "function", "function": function}
    scripted.plays(Script([answer({"content": None, "tool_calls": [call]}, usage=USAGE)]))
    as_stream = ask(dev, stream=True, stream_options={"include_usage": True})
    parts = [
        chunk({"tool_calls": [{"index": 0, **call, "function": {**function, "arguments": '{"a'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '": 1}'}}]}),
        chunk(finish="tool_calls"),
        usage(USAGE),
        DONE,
    ]
    scripted.plays(Script(list(parts)))
    as_json = ask(dev, stream=False)

    assert '"tool_calls":[{"index":0,"id":"t"' in as_stream.answer.text
    assert '"total_tokens":34' in as_stream.answer.text
    (choice,) = as_json.answer.json()["choices"]
    assert choice["message"]["tool_calls"] == [call]
    assert choice["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_way_to_write_events(dev: Developer, scripted: ScriptedUpstream, end: bytes) -> None:
    stream = b"".join([*HELLO, usage(USAGE), DONE])
    stream = stream.replace(b"data: ", b"event: message\nid: 1\nretry: 5\ndata:")
    stream = b"\xef\xbb\xbf" + stream.replace(b',"choices"', b',\ndata: "choices"')

    seen = play(dev, scripted, stream.replace(b"\n", end))

    assert (seen.text, seen.end, seen.receipt.charged) == ("Hello", "[DONE]", 34)
    assert b"\r" not in seen.answer.content


def test_a_cost_of_an_unknown_unit_is_not_believed(
    dev: Developer, scripted: ScriptedUpstream
) -> None:
    seen = play(dev, scripted, *HELLO, usage({**USAGE, "cost": 5000}), DONE)

    assert seen.receipt.upstream_cost is None


def test_a_redirect_is_not_followed(dev: Developer, scripted: ScriptedUpstream) -> None:
    raw = b"HTTP/1.1 302 X\r\nlocation: /v1/models\r\ncontent-length: 0\r\n\r\n"
    script = scripted.plays(Script(raw=raw))

    assert ask(dev, stream=False).end == "upstream_error"
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 X\r\n" + b"x-%d: y\r\n" * 1 % 1 + b"a: b\r\n" * 100_000,
        b"HTTP/1.1 200 X\r\nx: " + b"y" * 5_000_000,
        b"HTTP/1.1 103 X\r\n\r\n" * 10_000,
        b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n1;" + b"x" * 5_000_000,
    ],
    ids=["headers", "line", "1xx", "chunk extension"],
)
def test_a_head_without_bounds_is_left(
    dev: Developer, scripted: ScriptedUpstream, raw: bytes
) -> None:
    scripted.plays(Script(raw=raw))

    seen = ask(dev, stream=False)

    assert (seen.end, seen.receipt.charged) == ("upstream_error", 0)
    assert seen.receipt.attempts[0]["outcome"] == "RemoteProtocolError"


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9
)


class Dialect(NamedTuple):
    """How a random provider speaks."""

    kind: str | None
    whole: bool
    end: bytes
    done: bool
    names: tuple[str, str]
    apart: bool
    cumulative: bool
    total: int
    cut: int
    noise: bytes


DIALECTS = st.builds(
    Dialect,
    kind=st.sampled_from([SSE, "text/plain", "application/json", None]),
    whole=st.booleans(),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    done=st.booleans(),
    names=st.sampled_from(
        [("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")]
    ),
    apart=st.booleans(),
    cumulative=st.booleans(),
    total=st.integers(0, 500),
    cut=st.integers(1, 200),
    noise=st.sampled_from([b"", b": hm\n\n", b"data: {oops\n\n", b"id: 5\n\n"]),
)


def spoken(dialect: Dialect, words: list[str], prompt: int, completion: int) -> list[bytes]:
    """Say the words in a dialect, and a usage of so many tokens."""
    ours, theirs = dialect.names
    parts: list[dict[str, Any]] = [{ours: prompt}, {theirs: completion}]
    if dialect.total:
        parts[1]["total_tokens"] = prompt + completion + dialect.total
    usages = parts if dialect.apart and not dialect.total else [parts[0] | parts[1]]
    if dialect.whole:
        body = answer({"content": "".join(words)}, usage=parts[0] | parts[1])
        return [body[at : at + dialect.cut] for at in range(0, len(body), dialect.cut)]
    frames = [chunk(ROLE)]
    for word in words:
        more: dict[str, Any] = {"usage": {ours: prompt, theirs: 0}} if dialect.cumulative else {}
        frames += [dialect.noise, chunk({"content": word}, **more)]
    frames += [STOP, *map(usage, usages), DONE if dialect.done else b""]
    body = b"".join(frames).replace(b"\n", dialect.end)
    return [body[at : at + dialect.cut] for at in range(0, len(body), dialect.cut)]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    dialect=DIALECTS,
    words=st.lists(WORDS, min_size=1, max_size=5),
    prompt=st.integers(0, 5000),
    completion=st.integers(0, 5000),
    stream=st.booleans(),
)
def test_in_any_dialect_the_charge_is_what_the_provider_has_in_its_books(
    dev: Developer,
    scripted: ScriptedUpstream,
    dialect: Dialect,
    words: list[str],
    prompt: int,
    completion: int,
    stream: bool,
) -> None:
    scripted.plays(Script(list(spoken(dialect, words, prompt, completion)), kind=dialect.kind))

    seen = ask(dev, stream=stream)

    assert seen.text == "".join(words)
    assert seen.receipt.charged == prompt + completion + dialect.total
    assert seen.receipt.source == "reported"


def test_the_books_are_right(dev: Developer, scripted: ScriptedUpstream) -> None:
    play(dev, scripted, *HELLO, usage(USAGE), DONE)

    assert verify() == []


def test_nothing_that_follows_an_error_is_relayed(
    dev: Developer, scripted: ScriptedUpstream
) -> None:
    error = event({"error": {"message": "Broken", "code": 502}})
    scripted.plays(
        Script([chunk(ROLE), chunk({"content": "Hel"}), error + chunk({"content": "never"})])
    )

    answer = dev.chat("hello", stream=True, max_tokens=100)

    assert "Hel" in answer.text
    assert "never" not in answer.text
    assert "tokens were charged" in answer.text
