"""A stream says what the JSON answer says, to the vendors' own packages, however it is cut."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmproxy.protocol.dialects import DIALECTS, OPENROUTER
from tests.llmproxy.dialects import clients
from tests.llmproxy.dialects.samples import (
    MESSAGES_REQUEST,
    REPLY,
    RESPONSES_REQUEST,
    chat_answer,
    chat_messages,
    chat_stream,
    quietly,
)

Json = dict[str, Any]

PATCH = {"type": "custom", "name": "patch"}
REQUESTS = {"messages": MESSAGES_REQUEST, "responses": {**RESPONSES_REQUEST, "tools": [PATCH]}}


def streamed(name: str, stream: bytes, size: int) -> list[bytes]:
    translator = DIALECTS[name].exchange(REQUESTS[name], OPENROUTER, REPLY).stream()
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    return [event for piece in pieces for event in translator.feed(piece)] + translator.finish()


def answered(name: str, message: Json, finish: str) -> Json:
    exchange = DIALECTS[name].exchange(REQUESTS[name], OPENROUTER, REPLY)
    return exchange.answer(chat_answer(message, finish))


@quietly
@given(said=chat_messages(), size=st.integers(1, 9))
def test_messages_rebuilt_from_events_equal_the_answer(said: tuple[Json, str], size: int) -> None:
    message, finish = said
    answer = answered("messages", message, finish)
    clients.valid_message(answer)

    rebuilt = clients.message_of(streamed("messages", chat_stream(message, finish, size), 4096))

    for block in rebuilt["content"]:
        block.pop("parsed_output", None)
    assert rebuilt == answer


@quietly
@given(said=chat_messages(), size=st.integers(1, 9))
def test_responses_rebuilt_from_events_equal_the_answer(said: tuple[Json, str], size: int) -> None:
    message, finish = said
    answer = answered("responses", message, finish)
    clients.valid_response(answer)

    events = streamed("responses", chat_stream(message, finish, size), 4096)

    assert clients.response_of(events) == answer
    done = [one["item"] for one in clients.events(events) if one["type"].endswith("item.done")]
    assert done == answer["output"]


@quietly
@given(said=chat_messages())
def test_texts_of_responses_are_the_sum_of_their_deltas(said: tuple[Json, str]) -> None:
    message, finish = said
    events = clients.events(streamed("responses", chat_stream(message, finish), 4096))

    deltas: dict[str, str] = {}
    for event in events:
        if event["type"].endswith(".delta"):
            key = f"{event['type'].removesuffix('.delta')}-{event['item_id']}"
            deltas[key] = deltas.get(key, "") + event["delta"]
        elif event["type"].endswith(("text.done", "arguments.done", "input.done", "refusal.done")):
            key = f"{event['type'].removesuffix('.done')}-{event['item_id']}"
            (whole,) = (event[n] for n in ("text", "arguments", "input", "refusal") if n in event)
            assert deltas.pop(key, "") == whole
    assert deltas == {}


@pytest.mark.parametrize("name", ["messages", "responses"])
@quietly
@given(said=chat_messages(), data=st.data())
def test_every_cut_of_a_stream_gives_the_same_events(
    name: str, said: tuple[Json, str], data: st.DataObject
) -> None:
    stream = chat_stream(*said)
    size = data.draw(st.integers(1, 200))

    assert streamed(name, stream, size) == streamed(name, stream, len(stream))
