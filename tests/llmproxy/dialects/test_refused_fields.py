"""What chat completions cannot say is refused with the name of the field."""

from typing import Any

import pytest

from core.errors import InvalidRequest
from llmproxy.protocol.dialects import DIALECTS, OPENROUTER, PLAIN, Target, Untranslatable
from tests.llmproxy.dialects.samples import MESSAGES_REQUEST, REPLY, RESPONSES_REQUEST

Json = dict[str, Any]

REQUESTS = {"messages": MESSAGES_REQUEST, "responses": RESPONSES_REQUEST}


def user(block: Json) -> Json:
    return {"messages": [{"role": "user", "content": [block]}]}


def item(value: Json) -> Json:
    return {"input": [value]}


MESSAGES = [
    ({"container": "c"}, "container"),
    ({"mcp_servers": [{"url": "u"}]}, "mcp_servers"),
    ({"n": 2}, "n"),
    ({"stop": ["x"], "stop_sequences": ["y"]}, "stop"),
    ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools.0.type"),
    (
        {"tools": [{"name": "t", "input_schema": {}, "defer_loading": True}]},
        "tools.0.defer_loading",
    ),
    ({"tool_choice": {"type": "tool", "name": "t", "x": 1}}, "tool_choice.x"),
    ({"thinking": {"type": "deep"}}, "thinking.type"),
    (
        {"context_management": {"edits": [{"type": "compact_20260112"}]}},
        "context_management.edits.0.type",
    ),
    (
        user({"type": "image", "source": {"type": "file", "file_id": "f"}}),
        "messages.0.content.0.source.type",
    ),
    (user({"type": "server_tool_use", "id": "i"}), "messages.0.content.0.type"),
    (
        user(
            {
                "type": "document",
                "citations": {"enabled": True},
                "source": {"type": "url", "url": "u"},
            }
        ),
        "messages.0.content.0.citations.enabled",
    ),
    (user({"type": "tool_result", "tool_use_id": "a", "x": 1}), "messages.0.content.0.x"),
]
RESPONSES = [
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"conversation": "c"}, "conversation"),
    ({"store": True}, "store"),
    ({"background": True}, "background"),
    ({"prompt": {"id": "p"}}, "prompt"),
    ({"truncation": "auto"}, "truncation"),
    ({"include": ["message.output_text.logprobs"]}, "include.0"),
    ({"tools": [{"type": "web_search"}]}, "tools.0.type"),
    ({"tools": [{"type": "mcp", "server_label": "s"}]}, "tools.0.type"),
    ({"tool_choice": {"type": "file_search"}}, "tool_choice.type"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"text": {"format": {"type": "grammar"}}}, "text.format.type"),
    (item({"type": "item_reference", "id": "i"}), "input.0.type"),
    (
        item({"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}),
        "input.0.content.0.file_id",
    ),
    (item({"role": "user", "content": "a", "x": 1}), "input.0.x"),
]


@pytest.mark.parametrize("target", [OPENROUTER, PLAIN], ids=["openrouter", "plain"])
@pytest.mark.parametrize(
    ("name", "fields", "param"),
    [("messages", *case) for case in MESSAGES] + [("responses", *case) for case in RESPONSES],
)
def test_an_unsayable_field_is_named(name: str, fields: Json, param: str, target: Target) -> None:
    with pytest.raises(Untranslatable) as caught:
        DIALECTS[name].exchange({**REQUESTS[name], **fields}, target, REPLY)

    assert (caught.value.status, caught.value.param) == (400, param)
    assert param in caught.value.message


def test_a_tool_that_is_found_later_is_refused_by_the_beta_that_claude_code_then_leaves_out() -> (
    None
):
    tool = {"name": "t", "input_schema": {}, "defer_loading": True}

    with pytest.raises(Untranslatable, match=r"advanced-tool-use-2025-11-20.*anthropic-beta"):
        DIALECTS["messages"].exchange({**MESSAGES_REQUEST, "tools": [tool]}, OPENROUTER, REPLY)


@pytest.mark.parametrize("field", ["previous_response_id", "store", "conversation", "background"])
def test_what_needs_a_store_says_that_there_is_none(field: str) -> None:
    with pytest.raises(Untranslatable, match="responses are not stored"):
        DIALECTS["responses"].exchange({**RESPONSES_REQUEST, field: True}, OPENROUTER, REPLY)


@pytest.mark.parametrize(
    ("name", "missing"),
    [("messages", "max_tokens"), ("messages", "messages"), ("responses", "input")],
)
def test_a_missing_field_is_named(name: str, missing: str) -> None:
    request = {key: value for key, value in REQUESTS[name].items() if key != missing}

    with pytest.raises(InvalidRequest) as caught:
        DIALECTS[name].exchange(request, OPENROUTER, REPLY)

    assert caught.value.param == missing


def test_an_output_without_its_call_is_refused() -> None:
    output = {"type": "function_call_output", "call_id": "a", "output": "x"}

    with pytest.raises(InvalidRequest) as caught:
        DIALECTS["responses"].exchange({**RESPONSES_REQUEST, **item(output)}, OPENROUTER, REPLY)

    assert caught.value.param == "input.0.call_id"


@pytest.mark.parametrize("name", REQUESTS)
def test_hosted_tools_are_left_out_by_name_where_a_target_says_so(name: str) -> None:
    request = {**REQUESTS[name], "tools": [{"type": "web_search", "name": "web_search"}]}

    exchange = DIALECTS[name].exchange(request, Target(hosted_tools="omit"), REPLY)

    assert "tools" not in exchange.chat
    assert exchange.omitted == ["tools.0"]
