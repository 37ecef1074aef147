"""What a request of Responses becomes in chat completions."""

import json
from typing import Any

import pytest

from llmproxy.protocol.dialects import DIALECTS, OPENROUTER, PLAIN, Target
from tests.llmproxy.dialects.samples import REPLY, RESPONSES_REQUEST, chat_answer

Json = dict[str, Any]

OPENAI = Target(custom_tools=True, limit="max_completion_tokens")
PATCH = {
    "type": "custom",
    "name": "apply_patch",
    "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"},
}
LOOK = {"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": False}


def translated(target: Target = OPENROUTER, **fields: Any) -> Json:
    request = {**RESPONSES_REQUEST, **fields}
    return DIALECTS["responses"].exchange(request, target, REPLY).chat


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"max_output_tokens": 5}, {"max_tokens": 5}),
        (
            {"reasoning": {"effort": "low", "summary": "auto"}},
            {"reasoning": {"effort": "low", "summary": "auto"}},
        ),
        (
            {"text": {"format": {"type": "json_object"}}},
            {"response_format": {"type": "json_object"}},
        ),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        (
            {
                "text": {
                    "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}
                }
            },
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {}, "strict": True},
                }
            },
        ),
        ({"user": "u", "prompt_cache_key": "k"}, {"user": "u", "prompt_cache_key": "k"}),
        ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        (
            {"tools": [LOOK], "tool_choice": {"type": "function", "name": "look"}},
            {"tool_choice": {"type": "function", "function": {"name": "look"}}},
        ),
        ({"tools": [LOOK], "parallel_tool_calls": False}, {"parallel_tool_calls": False}),
        (
            {"instructions": "be brief"},
            {
                "messages": [
                    {"role": "system", "content": "be brief"},
                    {"role": "user", "content": "hi"},
                ]
            },
        ),
    ],
)
def test_a_field_becomes_its_equivalent(fields: Json, expected: Json) -> None:
    chat = translated(**fields)

    assert {name: chat[name] for name in expected} == expected


def test_items_of_one_turn_become_one_message_with_its_results_after_it() -> None:
    items = [
        {"type": "message", "role": "developer", "content": "be brief"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "xx"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"},
        {"type": "function_call", "call_id": "b", "name": "look", "arguments": "{}"},
        {"role": "user", "content": "hurry"},
        {"type": "function_call_output", "call_id": "a", "output": "one"},
        {"type": "function_call_output", "call_id": "b", "output": "two"},
    ]

    messages = translated(input=items)["messages"]

    assert [one["role"] for one in messages] == ["system", "assistant", "tool", "tool", "user"]
    assert [one["tool_call_id"] for one in messages[2:4]] == ["a", "b"]
    assert messages[1]["reasoning_details"] == [
        {
            "type": "reasoning.encrypted",
            "data": "xx",
            "id": "rs_1",
            "format": "openai-responses-v1",
        }
    ]
    assert messages[1]["content"] == "I look."


def test_a_custom_tool_is_a_function_of_one_string_where_there_are_none() -> None:
    items = [
        {"role": "user", "content": "hi"},
        {"type": "custom_tool_call", "call_id": "a", "name": "apply_patch", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "a", "output": "done"},
    ]
    exchange = DIALECTS["responses"].exchange(
        {**RESPONSES_REQUEST, "tools": [PATCH], "input": items}, PLAIN, REPLY
    )

    function = exchange.chat["tools"][0]["function"]
    assert "start: /.+/" in function["parameters"]["properties"]["input"]["description"]
    called = exchange.chat["messages"][1]["tool_calls"][0]["function"]
    assert json.loads(called["arguments"]) == {"input": "*** Begin"}

    call = {"id": "b", "type": "function", "function": {**called, "name": "apply_patch"}}
    (item,) = exchange.answer(chat_answer({"tool_calls": [call]}, "tool_calls"))["output"]
    assert (item["type"], item["call_id"], item["input"]) == ("custom_tool_call", "b", "*** Begin")


def test_a_custom_tool_stays_one_where_the_provider_has_them() -> None:
    chat = translated(OPENAI, tools=[PATCH], tool_choice={"type": "custom", "name": "apply_patch"})

    grammar = {"syntax": "lark", "definition": "start: /.+/"}
    shape = {"type": "grammar", "grammar": grammar}
    assert chat["tools"] == [{"type": "custom", "custom": {"name": "apply_patch", "format": shape}}]
    assert chat["tool_choice"] == {"type": "custom", "custom": {"name": "apply_patch"}}


def test_a_tool_of_a_namespace_is_answered_with_its_namespace() -> None:
    space = {"type": "namespace", "name": "mcp__git", "description": "About git.", "tools": [LOOK]}
    exchange = DIALECTS["responses"].exchange(
        {**RESPONSES_REQUEST, "tools": [space]}, OPENROUTER, REPLY
    )

    function = exchange.chat["tools"][0]["function"]
    assert (function["name"], function["description"]) == ("mcp__git__look", "About git.")
    call = {"id": "b", "function": {"name": "mcp__git__look", "arguments": "{}"}}
    (item,) = exchange.answer(chat_answer({"tool_calls": [call]}))["output"]
    assert (item["name"], item["namespace"]) == ("look", "mcp__git")
