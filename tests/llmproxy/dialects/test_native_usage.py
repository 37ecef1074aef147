"""Usage and output are read from native answers and streams of each dialect."""

from typing import Any

import pytest

from llmproxy.protocol.dialects import DIALECTS, OPENROUTER
from llmproxy.protocol.output import output_characters
from tests.llmproxy.dialects import clients
from tests.llmproxy.dialects.samples import (
    MESSAGES_REQUEST,
    REPLY,
    RESPONSES_REQUEST,
    USAGE,
    chat_answer,
    chat_stream,
)

Json = dict[str, Any]

REQUESTS = {"messages": MESSAGES_REQUEST, "responses": RESPONSES_REQUEST}
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"a":"b"}'}}
SAID = {"reasoning_content": "hm", "content": "Grüße 🎉", "tool_calls": [CALL]}


@pytest.mark.parametrize("name", REQUESTS)
def test_an_answer_is_read(name: str) -> None:
    answer = DIALECTS[name].exchange(REQUESTS[name], OPENROUTER, REPLY).answer(chat_answer(SAID))
    reader = DIALECTS[name].native_reader()

    reader.add(answer)

    assert reader.usage == USAGE
    assert reader.finished
    assert reader.characters == output_characters(chat_answer(SAID))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_stream_is_read(name: str) -> None:
    stream = DIALECTS[name].exchange(REQUESTS[name], OPENROUTER, REPLY).stream()
    events = clients.events([*stream.feed(chat_stream(SAID)), *stream.finish()])
    reader = DIALECTS[name].native_reader()

    for event in events[:-2]:
        reader.add(event)
    assert (reader.usage, reader.finished) == (None, False)
    for event in events[-2:]:
        reader.add(event)

    assert (reader.usage, reader.finished, reader.failed) == (USAGE, True, None)
    assert reader.characters == output_characters(chat_answer(SAID))


@pytest.mark.parametrize(
    ("name", "event", "message"),
    [
        ("messages", {"type": "error", "error": {"message": "busy"}}, "busy"),
        ("responses", {"type": "error", "code": "x", "message": "busy"}, "busy"),
        (
            "responses",
            {
                "type": "response.failed",
                "response": {"status": "failed", "error": {"message": "busy"}},
            },
            "busy",
        ),
    ],
)
def test_an_error_is_read(name: str, event: Json, message: str) -> None:
    reader = DIALECTS[name].native_reader()

    reader.add(event)

    assert reader.failed is not None
    assert reader.failed["message"] == message


def test_a_cost_is_kept() -> None:
    reader = DIALECTS["messages"].native_reader()

    reader.add({"type": "message_start", "message": {"usage": {"input_tokens": 7}}})
    reader.add({"type": "message_delta", "usage": {"output_tokens": 3, "cost": 0.25}})

    assert reader.usage is not None
    assert (reader.usage["prompt_tokens"], reader.usage["cost"]) == (7, 0.25)
