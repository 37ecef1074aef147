"""An answer that the client sends back with its next turn is what the model wrote."""

import json
from typing import Any

import pytest
from hypothesis import given

from llmproxy.protocol.dialects import DIALECTS, OPENROUTER
from tests.llmproxy.dialects.samples import (
    MESSAGES_REQUEST,
    REPLY,
    RESPONSES_REQUEST,
    chat_answer,
    chat_messages,
    quietly,
)

Json = dict[str, Any]

REQUESTS = {"messages": MESSAGES_REQUEST, "responses": RESPONSES_REQUEST}
# The place within the answer, and who made what nobody has to recognise again.
UNSAID = {"index", "format"}


def next_turn(name: str, message: Json) -> Json:
    """Return the assistant's message as the model gets it with the next turn."""
    answer = DIALECTS[name].exchange(REQUESTS[name], OPENROUTER, REPLY).answer(chat_answer(message))
    request = {**REQUESTS[name]}
    if name == "messages":
        turn = {"role": "assistant", "content": answer["content"]}
        request["messages"] = [*request["messages"], turn]
    else:
        request["input"] = [{"role": "user", "content": "hi"}, *answer["output"]]
    messages = DIALECTS[name].exchange(request, OPENROUTER, REPLY).chat["messages"]
    found: Json = messages[1] if len(messages) > 1 else {}
    return found


def entries(message: Json) -> list[Json]:
    """Return the reasoning, each entry with what proves it or decrypts it."""
    plain = message.get("reasoning_content")
    details = message.get("reasoning_details") or []
    found = [{"type": "reasoning.text", "text": plain}] if plain else []
    for detail in details:
        said = {key: value for key, value in detail.items() if value is not None}
        proves = "signature" in said or "data" in said
        # An item of Responses has an id, also where the provider has not given one.
        unsaid = {"index", "id"} if proves else UNSAID
        found.append({key: value for key, value in said.items() if key not in unsaid})
    return found


def texts(message: Json) -> str:
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "".join(part.get("text") or part.get("refusal") or "" for part in content)
    return content + (message.get("refusal") or "")


@pytest.mark.parametrize("name", REQUESTS)
@quietly
@given(said=chat_messages())
def test_it_has_the_same_reasoning_text_and_calls(name: str, said: tuple[Json, str]) -> None:
    message, _ = said

    back = next_turn(name, message)

    assert entries(back) == entries(message)
    assert texts(back) == texts(message)
    calls = [
        [
            (one["id"], one["function"]["name"], json.loads(one["function"]["arguments"]))
            for one in of
        ]
        for of in (back.get("tool_calls", []), message.get("tool_calls", []))
    ]
    assert calls[0] == calls[1]
