"""What a request of Messages becomes in chat completions."""

from typing import Any

import pytest

from llmproxy.protocol.dialects import DIALECTS, OPENROUTER, PLAIN, Target
from llmproxy.protocol.dialects.messages import Messages
from tests.llmproxy.dialects.samples import MESSAGES_REQUEST, REPLY

Json = dict[str, Any]

USER = {"role": "user", "content": "hi"}
CACHED = {"cache_control": {"type": "ephemeral"}}
TOOL = {"name": "look", "input_schema": {"type": "object"}}
FUNCTION = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def translated(target: Target = OPENROUTER, **fields: Any) -> Json:
    request = {**MESSAGES_REQUEST, **fields}
    return DIALECTS["messages"].exchange(request, target, REPLY).chat


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"stop_sequences": ["a"]}, {"stop": ["a"]}),
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 3}, {"top_k": 3, "temperature": 0.5}),
        ({"metadata": {"user_id": "u"}}, {"user": "u"}),
        ({"tools": [TOOL]}, {"tools": [FUNCTION]}),
        ({"tools": [{**TOOL, "type": "custom", **CACHED}]}, {"tools": [{**FUNCTION, **CACHED}]}),
        ({"tool_choice": {"type": "auto"}}, {"tool_choice": "auto"}),
        ({"tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
        ({"tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
        (
            {"tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": True}},
            {
                "tool_choice": {"type": "function", "function": {"name": "look"}},
                "parallel_tool_calls": False,
            },
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
            {"reasoning": {"max_tokens": 2048}},
        ),
        (
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
            {"reasoning": {"enabled": True, "effort": "max"}},
        ),
        ({"thinking": {"type": "disabled"}}, {"reasoning": {"enabled": False}}),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "output", "schema": {"type": "object"}, "strict": True},
                }
            },
        ),
        ({"x_of_a_provider": {"a": 1}}, {"x_of_a_provider": {"a": 1}}),
    ],
)
def test_a_field_becomes_its_equivalent(fields: Json, expected: Json) -> None:
    chat = translated(**fields)

    assert {name: chat[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("budget", "effort"), [(1_024, "low"), (16_000, "medium"), (32_000, "high")]
)
def test_a_budget_becomes_an_effort_where_there_is_nothing_else(budget: int, effort: str) -> None:
    chat = translated(PLAIN, thinking={"type": "enabled", "budget_tokens": budget})

    assert chat["reasoning_effort"] == effort


def test_the_system_prompt_keeps_its_cache_breakpoint() -> None:
    blocks = [{"type": "text", "text": "a"}, {"type": "text", "text": "b", **CACHED}]

    assert translated(system=blocks)["messages"] == [{"role": "system", "content": blocks}, USER]


def test_what_a_provider_does_not_understand_is_named_as_left_out() -> None:
    request = {**MESSAGES_REQUEST, "system": [{"type": "text", "text": "a", **CACHED}]}

    exchange = DIALECTS["messages"].exchange(request, PLAIN, REPLY)

    assert exchange.chat["messages"][0] == {"role": "system", "content": "a"}
    assert exchange.omitted == ["system.0.cache_control"]


def test_a_turn_with_tools_becomes_calls_and_results() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
    calls = [{"type": "tool_use", "id": one, "name": "look", "input": {"at": one}} for one in "ab"]
    results = [
        {"type": "tool_result", "tool_use_id": "a", "content": "no", "is_error": True},
        {"type": "tool_result", "tool_use_id": "b", "content": [image]},
    ]

    messages = translated(
        messages=[
            USER,
            {"role": "assistant", "content": [{"type": "text", "text": "I look."}, *calls]},
            {"role": "user", "content": [*results, {"type": "text", "text": "go on"}]},
        ]
    )["messages"]

    assert messages[1]["content"] == "I look."
    assert [call["function"]["arguments"] for call in messages[1]["tool_calls"]] == [
        '{"at":"a"}',
        '{"at":"b"}',
    ]
    assert [one["role"] for one in messages] == [
        *("user", "assistant", "tool", "tool", "user", "user")
    ]
    assert [part["text"] for part in messages[2]["content"]] == ["The tool failed:", "no"]
    assert messages[4]["content"][1]["image_url"]["url"] == "data:image/png;base64,AA"
    assert messages[5] == {"role": "user", "content": "go on"}


def test_thinking_goes_back_with_its_signature() -> None:
    thinking = [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "xx"},
    ]
    turns = [USER, {"role": "assistant", "content": [*thinking, {"type": "text", "text": "ok"}]}]

    made = {"format": "anthropic-claude-v1"}
    assert translated(messages=turns)["messages"][1] == {
        "role": "assistant",
        "content": "ok",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": "sig", **made},
            {"type": "reasoning.encrypted", "data": "xx", **made},
        ],
    }
    assert translated(PLAIN, messages=turns)["messages"][1] == {
        "role": "assistant",
        "content": "ok",
        "reasoning_content": "hm",
    }


def test_a_pdf_becomes_a_file() -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "AA"}
    block = {"type": "document", "title": "a.pdf", "context": "old", "source": pdf}

    assert translated(messages=[{"role": "user", "content": [block]}])["messages"][0][
        "content"
    ] == [
        {"type": "text", "text": "old"},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
        },
    ]


def test_counting_needs_no_limit() -> None:
    request = {"model": "m", "messages": [USER]}

    assert Messages().prompt(request, OPENROUTER) == {"model": "m", "messages": [USER]}
