"""Tool calls as gateways really stream them reach the client whole, one after the other."""

import json
from typing import Any

import pytest

from llmproxy.protocol.dialects import DIALECTS, OPENROUTER
from tests.llmproxy.dialects import clients
from tests.llmproxy.dialects.samples import MESSAGES_REQUEST, REPLY, RESPONSES_REQUEST, chat_chunk

Json = dict[str, Any]


def call(text: str = "", **told: Any) -> Json:
    name = told.pop("name", None)
    function = {"arguments": text, **({"name": name} if name else {})}
    return {"tool_calls": [{**told, "function": function}]}


CASES = {
    "two calls by turns": [
        call(index=0, id="a", name="one"),
        call(index=1, id="b", name="two"),
        call('{"x"', index=0),
        call('{"y":', index=1),
        call(": 1}", index=0),
        call(" 2}", index=1),
    ],
    "one index for two calls": [
        call('{"x": 1}', index=0, id="a", name="one"),
        call('{"y": 2}', index=0, id="b", name="two"),
    ],
    "no index": [
        call('{"x"', id="a", name="one"),
        call(": 1}"),
        call('{"y"', id="b", name="two"),
        call(": 2}"),
    ],
    "the id again in every chunk": [
        call('{"x"', index=0, id="a", name="one"),
        call(": 1}", index=0, id="a", name="one"),
        call('{"y": 2}', index=1, id="b", name="two"),
    ],
    "the name after the arguments": [
        call('{"x"', index=0, id="a"),
        call(": 1}", index=0, name="one"),
        call('{"y": 2}', index=1, id="b", name="two"),
    ],
    "text within a call": [
        call('{"x"', index=0, id="a", name="one"),
        {"content": "by the way"},
        call(": 1}", index=0),
        call('{"y": 2}', index=1, id="b", name="two"),
    ],
}


def stream_of(deltas: list[Json]) -> bytes:
    chunks = [*(chat_chunk(delta) for delta in deltas), chat_chunk({}, "tool_calls")]
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


@pytest.mark.parametrize("deltas", CASES.values(), ids=CASES)
def test_messages_have_each_call_with_its_own_input(deltas: list[Json]) -> None:
    translator = DIALECTS["messages"].exchange(MESSAGES_REQUEST, OPENROUTER, REPLY).stream()

    written = [*translator.feed(stream_of(deltas)), *translator.finish()]

    calls = [b for b in clients.message_of(written)["content"] if b["type"] == "tool_use"]
    found = [(one["id"], one["name"], one["input"]) for one in calls]
    assert found == [("a", "one", {"x": 1}), ("b", "two", {"y": 2})]
    assert never_outside_its_block(clients.events(written))


@pytest.mark.parametrize("deltas", CASES.values(), ids=CASES)
def test_responses_have_each_call_with_its_own_arguments(deltas: list[Json]) -> None:
    translator = DIALECTS["responses"].exchange(RESPONSES_REQUEST, OPENROUTER, REPLY).stream()

    written = [*translator.feed(stream_of(deltas)), *translator.finish()]

    calls = [i for i in clients.response_of(written)["output"] if i["type"] == "function_call"]
    found = [(one["call_id"], one["name"], json.loads(one["arguments"])) for one in calls]
    assert found == [("a", "one", {"x": 1}), ("b", "two", {"y": 2})]


def test_a_second_call_streams_as_soon_as_the_first_is_complete() -> None:
    translator = DIALECTS["messages"].exchange(MESSAGES_REQUEST, OPENROUTER, REPLY).stream()
    translator.feed(stream_of([call('{"x": 1}', index=0, id="a", name="one")]))

    written = translator.feed(stream_of([call('{"y"', index=1, id="b", name="two")]))

    kinds = [event["type"] for event in clients.events(written)]
    assert kinds == ["content_block_stop", "content_block_start", "content_block_delta"]


def never_outside_its_block(events: list[Json]) -> bool:
    at: int | None = None
    for event in events:
        if event["type"] == "content_block_start":
            assert at is None
            at = event["index"]
        elif event["type"].startswith("content_block"):
            assert event["index"] == at
            at = None if event["type"] == "content_block_stop" else at
    return at is None
