"""What a request of Messages is in chat completions, and what is refused, in which words."""

from typing import Any

import pytest

from core.errors import InvalidRequest
from llmproxy.protocol.dialects import DIALECTS, OPENROUTER, PLAIN, Target, Untranslatable
from llmproxy.protocol.dialects.messages import Messages
from tests.llmproxy.dialects.samples import REPLY

Json = dict[str, Any]

HI = {"role": "user", "content": "hi"}
REQUEST: Json = {"model": "m", "max_tokens": 100, "messages": [HI]}
CHAT: Json = {"model": "m", "max_tokens": 100, "messages": [HI]}
CACHED: Json = {"cache_control": {"type": "ephemeral"}}


def chat(target: Target = OPENROUTER, **fields: Any) -> Json:
    return DIALECTS["messages"].exchange({**REQUEST, **fields}, target, REPLY).chat


def omitted(target: Target = PLAIN, **fields: Any) -> list[str]:
    return DIALECTS["messages"].exchange({**REQUEST, **fields}, target, REPLY).omitted


def messages(*turns: Json, target: Target = OPENROUTER) -> list[Json]:
    found: list[Json] = chat(target, messages=[HI, *turns])["messages"]
    assert found[0] == HI
    return found[1:]


def user(*blocks: Any) -> Json:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def text(value: str, **more: Any) -> Json:
    return {"type": "text", "text": value, **more}


def function(**fields: Any) -> Json:
    return {"type": "function", "function": fields}


SCHEMA = {"type": "object"}
JSON_SCHEMA = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "output", "schema": SCHEMA, "strict": True},
    }
}


@pytest.mark.parametrize(
    ("fields", "added"),
    [
        ({}, {}),
        (
            {"temperature": 0, "top_p": 0.9, "top_k": 3},
            {"temperature": 0, "top_p": 0.9, "top_k": 3},
        ),
        ({"stream": True}, {"stream": True}),
        ({"temperature": None, "tools": None, "thinking": None}, {}),
        ({"stop_sequences": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"stop_sequences": []}, {}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"service_tier": "flex"}, {"service_tier": "flex"}),
        ({"service_tier": ""}, {"service_tier": ""}),
        ({"metadata": {"user_id": "u"}}, {"user": "u"}),
        ({"metadata": {}}, {}),
        ({"tools": []}, {}),
        (
            {"tools": [{"name": "f", "input_schema": SCHEMA}]},
            {"tools": [function(name="f", parameters=SCHEMA)]},
        ),
        (
            {
                "tools": [
                    {
                        "type": "custom",
                        "name": "f",
                        "description": "d",
                        "input_schema": SCHEMA,
                        "strict": True,
                        "defer_loading": False,
                        "allowed_callers": ["direct"],
                        "eager_input_streaming": True,
                        "x_of_a_provider": 1,
                    }
                ]
            },
            {
                "tools": [
                    function(
                        name="f", description="d", parameters=SCHEMA, strict=True, x_of_a_provider=1
                    )
                ]
            },
        ),
        ({"tool_choice": {"type": "auto"}}, {"tool_choice": "auto"}),
        (
            {
                "tools": [{"name": "f", "input_schema": SCHEMA}],
                "tool_choice": {"type": "auto"},
            },
            {"tools": [function(name="f", parameters=SCHEMA)], "tool_choice": "auto"},
        ),
        ({"tool_choice": {"type": "any"}}, {"tool_choice": "required"}),
        ({"tool_choice": {"type": "none"}}, {"tool_choice": "none"}),
        (
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": False}},
            {"tool_choice": "auto", "parallel_tool_calls": True},
        ),
        (
            {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}},
            {"tool_choice": function(name="f"), "parallel_tool_calls": False},
        ),
        ({"output_config": {}}, {}),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, JSON_SCHEMA),
        ({"output_format": {"type": "json_schema", "schema": SCHEMA}}, JSON_SCHEMA),
        ({"output_format": {"schema": SCHEMA}}, JSON_SCHEMA),
        (
            {"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}},
            {},
        ),
        ({"context_management": {}}, {}),
        ({"container": None, "mcp_servers": []}, {}),
        ({"x_of_a_provider": {"a": 1}}, {"x_of_a_provider": {"a": 1}}),
        # To the effort and the budget of thinking, see below.
    ],
)
@pytest.mark.parametrize("target", [OPENROUTER, PLAIN], ids=["openrouter", "plain"])
def test_fields_for_every_provider(fields: Json, added: Json, target: Target) -> None:
    assert chat(target, **fields) == {**CHAT, **added}
    assert omitted(target, **fields) == []


@pytest.mark.parametrize(
    ("fields", "added"),
    [
        ({"metadata": {"user_id": "u", "a": "b"}}, {"user": "u", "metadata": {"a": "b"}}),
        (CACHED, CACHED),
        (
            {"tools": [{"name": "f", "input_schema": {}, **CACHED}]},
            {"tools": [{**function(name="f", parameters={}), **CACHED}]},
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
            {"reasoning": {"max_tokens": 2048}},
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "summarized"}},
            {"reasoning": {"max_tokens": 2048}},
        ),
        ({"thinking": {"type": "adaptive"}}, {"reasoning": {"enabled": True}}),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            {"reasoning": {"enabled": True, "exclude": True}},
        ),
        ({"thinking": {"type": "disabled"}}, {"reasoning": {"enabled": False}}),
        ({"output_config": {"effort": "low"}}, {"reasoning": {"effort": "low"}}),
        (
            {"output_config": {"effort": "low"}, "thinking": {"type": "adaptive"}},
            {"reasoning": {"enabled": True, "effort": "low"}},
        ),
        # OpenRouter takes an effort beside a budget, or without thinking, as verbosity.
        (
            {
                "output_config": {"effort": "low"},
                "thinking": {"type": "enabled", "budget_tokens": 2048},
            },
            {"reasoning": {"max_tokens": 2048}, "verbosity": "low"},
        ),
        (
            {"output_config": {"effort": "low"}, "thinking": {"type": "disabled"}},
            {"reasoning": {"enabled": False}, "verbosity": "low"},
        ),
        (
            {
                "output_config": {
                    "effort": "low",
                    "format": {"type": "json_schema", "schema": SCHEMA},
                }
            },
            {**JSON_SCHEMA, "reasoning": {"effort": "low"}},
        ),
    ],
)
def test_fields_for_openrouter(fields: Json, added: Json) -> None:
    assert chat(OPENROUTER, **fields) == {**CHAT, **added}
    assert omitted(OPENROUTER, **fields) == []


def budget(tokens: int) -> Json:
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}}


@pytest.mark.parametrize(
    ("fields", "added", "left_out"),
    [
        (CACHED, {}, ["cache_control"]),
        (
            {"tools": [{"name": "f", "input_schema": {}, **CACHED}]},
            {"tools": [function(name="f", parameters={})]},
            ["tools.0.cache_control"],
        ),
        (budget(4096), {"reasoning_effort": "low"}, []),
        (budget(4097), {"reasoning_effort": "medium"}, []),
        (budget(16_384), {"reasoning_effort": "medium"}, []),
        (budget(16_385), {"reasoning_effort": "high"}, []),
        (
            {**budget(16_385), "output_config": {"effort": "low"}},
            {"reasoning_effort": "low"},
            [],
        ),
        ({"output_config": {"effort": "max"}}, {"reasoning_effort": "max"}, []),
        ({"thinking": {"type": "adaptive"}}, {}, []),
        ({"thinking": {"type": "disabled"}}, {}, []),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, {}, ["thinking.display"]),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, {}, []),
        (
            {"output_format": {"schema": SCHEMA}, "output_config": {"effort": "low"}},
            {**JSON_SCHEMA, "reasoning_effort": "low"},
            [],
        ),
    ],
)
def test_fields_for_other_providers(fields: Json, added: Json, left_out: list[str]) -> None:
    assert chat(PLAIN, **fields) == {**CHAT, **added}
    assert omitted(PLAIN, **fields) == left_out


def test_the_limit_has_the_name_that_the_provider_knows() -> None:
    target = Target(limit="max_completion_tokens")

    assert chat(target) == {"model": "m", "max_completion_tokens": 100, "messages": [HI]}


def test_hosted_tools_are_left_out_where_the_target_says_so() -> None:
    target = Target(hosted_tools="omit")
    tools = [{"type": "web_search_20250305", "name": "w"}, {"name": "f", "input_schema": {}}]

    assert chat(target, tools=tools) == {**CHAT, "tools": [function(name="f", parameters={})]}
    assert omitted(target, tools=tools) == ["tools.0"]
    assert chat(target, tools=tools[:1]) == CHAT


def test_counting_needs_no_limit_but_keeps_one() -> None:
    counted = Messages().prompt({"model": "m", "messages": [HI]}, OPENROUTER)

    assert counted == {"model": "m", "messages": [HI]}
    assert Messages().prompt(REQUEST, OPENROUTER) == CHAT


@pytest.mark.parametrize(
    ("system", "content"),
    [
        ("be brief", "be brief"),
        ([text("be brief")], "be brief"),
        ([text("a"), text("b", **CACHED)], [text("a"), text("b", **CACHED)]),
        ([text("a", **CACHED)], [text("a", **CACHED)]),
    ],
)
def test_the_system_prompt_is_the_first_message(system: Any, content: Any) -> None:
    assert chat(system=system)["messages"] == [{"role": "system", "content": content}, HI]


@pytest.mark.parametrize("system", ["", [], None])
def test_an_empty_system_prompt_is_none(system: Any) -> None:
    assert chat(system=system) == CHAT


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
IMAGE_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "AA"}
PDF_DATA = "data:application/pdf;base64,AA"


def file(name: str, data: str) -> Json:
    return {"type": "file", "file": {"filename": name, "file_data": data}}


@pytest.mark.parametrize(
    ("blocks", "content"),
    [
        ([], ""),
        ([text("a")], "a"),
        ([text("a"), text("b")], [text("a"), text("b")]),
        ([text("a", x=1)], [text("a", x=1)]),
        ([text("a", **CACHED)], [text("a", **CACHED)]),
        ([IMAGE], [IMAGE_PART]),
        ([{**IMAGE, **CACHED}, text("a")], [{**IMAGE_PART, **CACHED}, text("a")]),
        (
            [{"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}],
            [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}],
        ),
        ([{"type": "document", "source": PDF}], [file("document.pdf", PDF_DATA)]),
        (
            [{"type": "document", "source": PDF, "title": "a.pdf", "context": "old", **CACHED}],
            [text("old"), {**file("a.pdf", PDF_DATA), **CACHED}],
        ),
        ([{"type": "document", "source": PDF, "title": "a.pdf"}], [file("a.pdf", PDF_DATA)]),
        (
            [{"type": "document", "source": PDF, "context": "old"}],
            [text("old"), file("document.pdf", PDF_DATA)],
        ),
        (
            [{"type": "document", "source": {"type": "url", "url": "https://x.example/a.pdf"}}],
            [file("document.pdf", "https://x.example/a.pdf")],
        ),
        (
            [{"type": "document", "source": {"type": "text", "data": "body"}}],
            "body",
        ),
        (
            [
                {
                    "type": "document",
                    "title": "T",
                    "context": "old",
                    "citations": {"enabled": False},
                    "source": {"type": "text", "media_type": "text/plain", "data": "body"},
                }
            ],
            [text("Document: T"), text("old"), text("body")],
        ),
        (
            [{"type": "document", "title": "T", "source": {"type": "content", "content": "body"}}],
            [text("Document: T"), text("body")],
        ),
        (
            [
                {
                    "type": "document",
                    "context": "old",
                    "source": {"type": "content", "content": [text("a"), IMAGE]},
                    **CACHED,
                }
            ],
            [text("old"), text("a"), {**IMAGE_PART, **CACHED}],
        ),
    ],
)
def test_the_blocks_of_the_user(blocks: list[Json], content: Any) -> None:
    assert messages(user(*blocks)) == [{"role": "user", "content": content}]


def tool_use(identifier: str, **fields: Any) -> Json:
    return {"type": "tool_use", "id": identifier, "name": "f", "input": {"a": 1}, **fields}


def call(identifier: str, **more: Any) -> Json:
    called = {"name": "f", "arguments": '{"a":1}'}
    return {"id": identifier, "type": "function", "function": called, **more}


def result(identifier: str, **fields: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": identifier, **fields}


def answered(identifier: str, content: Any) -> Json:
    return {"role": "tool", "tool_call_id": identifier, "content": content}


def test_the_system_may_speak_between_turns() -> None:
    assert messages({"role": "system", "content": "now"}) == [{"role": "system", "content": "now"}]
    assert messages({"role": "system", "content": [text("a"), text("b")]}) == [
        {"role": "system", "content": [text("a"), text("b")]}
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("ok", {"content": "ok"}),
        ([], {"content": ""}),
        ([text("a"), text("b")], {"content": [text("a"), text("b")]}),
        ([tool_use("1")], {"content": None, "tool_calls": [call("1")]}),
        (
            [text("a"), tool_use("1", **CACHED), tool_use("2", caller={"type": "direct"})],
            {"content": "a", "tool_calls": [call("1", **CACHED), call("2")]},
        ),
        ([tool_use("1", caller={})], {"content": None, "tool_calls": [call("1")]}),
    ],
)
def test_the_blocks_of_the_assistant(content: Any, expected: Json) -> None:
    turn = {"role": "assistant", "content": content}

    assert messages(turn) == [{"role": "assistant", **expected}]
    assert messages(turn, turn) == [{"role": "assistant", **expected}] * 2


FORMAT = {"format": "anthropic-claude-v1"}


def test_thinking_goes_to_openrouter_with_its_signature() -> None:
    turn = assistant(
        {"type": "thinking", "thinking": "a", "signature": "s"},
        {"type": "thinking", "thinking": "b", "signature": ""},
        {"type": "thinking", "signature": "s"},
        {"type": "redacted_thinking", "data": "xx"},
        text("ok"),
    )

    assert messages(turn) == [
        {
            "role": "assistant",
            "content": "ok",
            "reasoning_details": [
                {"type": "reasoning.text", "text": "a", "signature": "s", **FORMAT},
                {"type": "reasoning.text", "text": "b"},
                {"type": "reasoning.text", "text": "", "signature": "s", **FORMAT},
                {"type": "reasoning.encrypted", "data": "xx", **FORMAT},
            ],
        }
    ]


def test_thinking_goes_to_others_as_text() -> None:
    turn = assistant(
        {"type": "thinking", "thinking": "a", "signature": "s"},
        {"type": "thinking", "thinking": "b"},
        {"type": "thinking", "thinking": ""},
        {"type": "redacted_thinking", "data": "xx"},
        text("ok"),
    )

    assert messages(turn, target=PLAIN) == [
        {"role": "assistant", "content": "ok", "reasoning_content": "a\n\nb"}
    ]
    assert omitted(messages=[HI, turn]) == [
        "messages.1.content.0.signature",
        "messages.1.content.3.data",
    ]


@pytest.mark.parametrize(
    ("fields", "content"),
    [
        ({}, ""),
        ({"content": "ok"}, "ok"),
        ({"content": []}, ""),
        ({"content": [text("a"), text("b")]}, [text("a"), text("b")]),
        ({"content": "no", "is_error": True}, [text("The tool failed:"), text("no")]),
        ({"is_error": True}, "The tool failed:"),
        ({"content": "ok", "is_error": False}, "ok"),
        ({"content": "ok", **CACHED}, [text("ok", **CACHED)]),
        (CACHED, [text("", **CACHED)]),
    ],
)
def test_the_result_of_a_tool(fields: Json, content: Any) -> None:
    called = messages(assistant(tool_use("1")), user(result("1", **fields)))

    assert called[1:] == [answered("1", content)]


def test_results_follow_their_calls_and_the_rest_follows_them() -> None:
    found = messages(
        assistant(tool_use("1"), tool_use("2")),
        user(result("2", content="b"), text("go on"), result("1", content="a")),
        user(result("0", content="of an unknown call")),
    )

    assert found[1:] == [
        answered("2", "b"),
        answered("1", "a"),
        {"role": "user", "content": "go on"},
        answered("0", "of an unknown call"),
    ]


def test_an_image_in_a_result_follows_in_a_message_of_the_user() -> None:
    called = assistant(tool_use("1"), tool_use("2"))

    only = messages(called, user(result("1", content=[IMAGE]), result("2", content="b")))
    both = messages(called, user(result("1", content=[text("a"), IMAGE])))

    attached = {"role": "user", "content": [text("The result of the tool call 1:"), IMAGE_PART]}
    replaced = "The result follows in the user's next message."
    assert only[1:] == [answered("1", replaced), answered("2", "b"), attached]
    assert both[1:] == [answered("1", "a"), attached]


NO_EQUIVALENT = "this field has no equivalent in chat completions."
OF_CHAT = "this is a field of chat completions."
ANTHROPICS = "only Anthropic's own servers support this."
STORED = "stored files are not supported: send the data or a URL."
DIRECT = "only the model can call a tool."
EDITING = "context editing is not supported."
VALUE = "this value is not supported."


def document(**fields: Any) -> Json:
    return {"messages": [user({"type": "document", **fields})]}


def tool(**fields: Any) -> Json:
    return {"tools": [{"name": "f", "input_schema": {}, **fields}]}


@pytest.mark.parametrize(
    ("fields", "param", "reason"),
    [
        *[
            ({name: value}, name, ANTHROPICS)
            for name, value in (
                ("container", "c"),
                ("mcp_servers", [1]),
                ("inference_geo", "us"),
                ("user_profile_id", "u"),
                ("fallbacks", ["m"]),
            )
        ],
        *[
            ({name: 1}, name, OF_CHAT)
            for name in (
                *("n", "best_of", "models", "functions", "function_call", "modalities", "audio"),
                *("logprobs", "max_completion_tokens", "prediction", "web_search_options"),
            )
        ],
        ({"stop": "x", "stop_sequences": ["y"]}, "stop", OF_CHAT),
        ({"user": "x", "metadata": {"user_id": "u"}}, "user", OF_CHAT),
        (
            {"tools": [{"type": "bash_20250124", "name": "bash"}]},
            "tools.0.type",
            "the tool 'bash_20250124' is not supported: send an input_schema instead.",
        ),
        (
            tool(defer_loading=True),
            "tools.0.defer_loading",
            (
                "tool search is not supported. Leave out advanced-tool-use-2025-11-20"
                " (anthropic-beta), and send all tools."
            ),
        ),
        (tool(allowed_callers=["code"]), "tools.0.allowed_callers", DIRECT),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type", "send auto, any, tool or none."),
        ({"tool_choice": {"type": "auto", "x": 1}}, "tool_choice.x", NO_EQUIVALENT),
        ({"thinking": {"type": "deep"}}, "thinking.type", "send enabled, adaptive or disabled."),
        ({"thinking": {"type": "disabled", "x": 1}}, "thinking.x", NO_EQUIVALENT),
        ({"thinking": {"type": "disabled", "display": "x"}}, "thinking.display", VALUE),
        ({"output_config": {"x": 1}}, "output_config.x", NO_EQUIVALENT),
        (
            {"output_config": {"format": {"schema": {}}}, "output_format": {"schema": {}}},
            "output_format",
            "send output_config.format only.",
        ),
        ({"output_format": {"type": "grammar", "schema": {}}}, "output_format.type", VALUE),
        (
            {"output_config": {"format": {"schema": {}, "x": 1}}},
            "output_config.format.x",
            NO_EQUIVALENT,
        ),
        (
            {"context_management": {"edits": [{"type": "compact_20260112"}]}},
            "context_management.edits.0.type",
            EDITING,
        ),
        (
            {"context_management": {"edits": [{"keep": 1}]}},
            "context_management.edits.0.keep",
            EDITING,
        ),
        (
            {"context_management": {"edits": [{"x": 1}]}},
            "context_management.edits.0.x",
            NO_EQUIVALENT,
        ),
        ({"context_management": {"x": 1}}, "context_management.x", NO_EQUIVALENT),
        ({"messages": [{**HI, "x": 1}]}, "messages.0.x", NO_EQUIVALENT),
        (
            {"messages": [user({"type": "video"})]},
            "messages.0.content.0.type",
            "blocks of type 'video' have no equivalent in chat completions.",
        ),
        (
            {"messages": [{"role": "system", "content": [{"type": "video"}]}]},
            "messages.0.content.0.type",
            "blocks of type 'video' have no equivalent in chat completions.",
        ),
        (
            {"system": [{"type": "search_result"}]},
            "system.0.type",
            "blocks of type 'search_result' have no equivalent in chat completions.",
        ),
        (
            {"messages": [user({"type": "image", "source": {"type": "file", "file_id": "f"}})]},
            "messages.0.content.0.source.type",
            STORED,
        ),
        (
            {"messages": [user({"type": "image", "source": {"type": "url", "url": "u", "x": 1}})]},
            "messages.0.content.0.source.x",
            NO_EQUIVALENT,
        ),
        (
            document(source={"type": "file", "file_id": "f"}),
            "messages.0.content.0.source.type",
            STORED,
        ),
        (
            document(source={"type": "text", "media_type": "text/html", "data": "x"}),
            "messages.0.content.0.source.media_type",
            VALUE,
        ),
        (
            {"messages": [user(result("1", content=[{"type": "video"}]))]},
            "messages.0.content.0.content.0.type",
            "blocks of type 'video' have no equivalent in chat completions.",
        ),
        (
            document(source={**PDF, "x": 1}),
            "messages.0.content.0.source.x",
            NO_EQUIVALENT,
        ),
        (
            document(source={"type": "content", "content": []}),
            "messages.0.content.0.source.content",
            "it must not be empty.",
        ),
        (
            document(source=PDF, citations={"enabled": True}),
            "messages.0.content.0.citations.enabled",
            "citations are not supported.",
        ),
        (
            document(source=PDF, citations={"x": 1}),
            "messages.0.content.0.citations.x",
            NO_EQUIVALENT,
        ),
        (
            {"messages": [assistant(tool_use("1", caller={"type": "code"}))]},
            "messages.0.content.0.caller.type",
            DIRECT,
        ),
        (
            {"messages": [assistant(tool_use("1", caller={"x": 1}))]},
            "messages.0.content.0.caller.x",
            NO_EQUIVALENT,
        ),
        *[
            (
                {"messages": [{"role": role, "content": [block]}]},
                "messages.0.content.0.x",
                NO_EQUIVALENT,
            )
            for role, block in (
                ("user", result("1", x=1)),
                ("assistant", tool_use("1", x=1)),
                ("assistant", {"type": "thinking", "thinking": "a", "x": 1}),
                ("assistant", {"type": "redacted_thinking", "data": "a", "x": 1}),
            )
        ],
    ],
)
@pytest.mark.parametrize("target", [OPENROUTER, PLAIN], ids=["openrouter", "plain"])
def test_what_has_no_equivalent_is_refused(
    fields: Json, param: str, reason: str, target: Target
) -> None:
    with pytest.raises(Untranslatable) as caught:
        chat(target, **fields)

    assert (caught.value.param, caught.value.message) == (param, f"{param}: {reason}")


@pytest.mark.parametrize(
    ("fields", "param", "reason"),
    [
        (
            document(source={"type": "url", "url": "u"}),
            "messages.0.content.0.source.url",
            "this model accepts only a document's data, not a URL.",
        ),
        ({"metadata": {"a": "b"}}, "metadata.a", NO_EQUIVALENT),
    ],
)
def test_what_only_openrouter_has_is_refused_elsewhere(
    fields: Json, param: str, reason: str
) -> None:
    assert chat(OPENROUTER, **fields)
    with pytest.raises(Untranslatable) as caught:
        chat(PLAIN, **fields)

    assert (caught.value.param, caught.value.message) == (param, f"{param}: {reason}")


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"max_tokens": None}, "max_tokens", "max_tokens is required."),
        ({"max_tokens": "100"}, "max_tokens", "max_tokens must be a whole number."),
        ({"messages": []}, "messages", "messages must be a non-empty list."),
        ({"messages": None}, "messages", "messages must be a non-empty list."),
        ({"messages": "hi"}, "messages", "messages must be a list."),
        ({"messages": ["hi"]}, "messages.0", "messages.0 must be an object."),
        ({"messages": [{"content": "hi"}]}, "messages.0.role", "messages.0.role is required."),
        ({"messages": [{"role": 5}]}, "messages.0.role", "messages.0.role must be a string."),
        (
            {"messages": [{"role": "user"}]},
            "messages.0.content",
            "messages.0.content is required.",
        ),
        (
            {"messages": [{"role": "user", "content": 5}]},
            "messages.0.content",
            "messages.0.content must be a string or a list.",
        ),
        (
            {"messages": [{"role": "tool", "content": "x"}]},
            "messages.0.role",
            "A role must be user or assistant.",
        ),
        (
            {"messages": [user("hi")]},
            "messages.0.content.0",
            "messages.0.content.0 must be an object.",
        ),
        (
            {"messages": [user({"text": "a"})]},
            "messages.0.content.0.type",
            "messages.0.content.0.type is required.",
        ),
        (
            {"messages": [user({"type": 5})]},
            "messages.0.content.0.type",
            "messages.0.content.0.type must be a string.",
        ),
        (
            {"messages": [user({"type": "text"})]},
            "messages.0.content.0.text",
            "messages.0.content.0.text is required.",
        ),
        (
            {"messages": [user({"type": "text", "text": 5})]},
            "messages.0.content.0.text",
            "messages.0.content.0.text must be a string.",
        ),
        (
            {"messages": [user({"type": "image"})]},
            "messages.0.content.0.source",
            "messages.0.content.0.source is required.",
        ),
        (
            document(source={"type": "content", "content": 5}),
            "messages.0.content.0.source.content",
            "messages.0.content.0.source.content must be a string or a list of blocks.",
        ),
        (
            document(source=PDF, title=5),
            "messages.0.content.0.title",
            "messages.0.content.0.title must be a string.",
        ),
        (
            document(source=PDF, context=5),
            "messages.0.content.0.context",
            "messages.0.content.0.context must be a string.",
        ),
        *[
            (
                {"messages": [user({"type": kind, "source": {**IMAGE["source"], name: None}})]},  # type: ignore[dict-item]
                f"messages.0.content.0.source.{name}",
                f"messages.0.content.0.source.{name} is required.",
            )
            for kind in ("image", "document")
            for name in ("type", "media_type", "data")
        ],
        *[
            (
                {"messages": [user({"type": "image", "source": {**source, name: 5}})]},
                f"messages.0.content.0.source.{name}",
                f"messages.0.content.0.source.{name} must be a string.",
            )
            for source, name in (
                ({"type": "url"}, "url"),
                (PDF, "media_type"),
                (PDF, "data"),
                (PDF, "type"),
            )
        ],
        *[
            (
                document(source={**source, name: 5}),
                f"messages.0.content.0.source.{name}",
                f"messages.0.content.0.source.{name} must be a string.",
            )
            for source, name in (
                ({"type": "text"}, "data"),
                ({"type": "url"}, "url"),
                (PDF, "media_type"),
                (PDF, "data"),
                (PDF, "type"),
            )
        ],
        *[
            (
                {"messages": [user({"type": "tool_result", **fields})]},
                f"messages.0.content.0.{name}",
                f"messages.0.content.0.{name} {wrong}",
            )
            for fields, name, wrong in (
                ({}, "tool_use_id", "is required."),
                ({"tool_use_id": 5}, "tool_use_id", "must be a string."),
                ({"tool_use_id": "1", "content": 5}, "content", "must be a string or a list."),
                ({"tool_use_id": "1", "is_error": 1}, "is_error", "must be a boolean."),
            )
        ],
        *[
            (
                {"messages": [assistant({**tool_use("1"), name: value})]},
                f"messages.0.content.0.{name}",
                f"messages.0.content.0.{name} {wrong}",
            )
            for name, value, wrong in (
                ("id", None, "is required."),
                ("id", 5, "must be a string."),
                ("name", None, "is required."),
                ("name", 5, "must be a string."),
                ("input", None, "is required."),
                ("input", "{}", "must be an object."),
                ("caller", "direct", "must be an object."),
            )
        ],
        (
            {"messages": [assistant({"type": "thinking", "thinking": "a", "signature": 5})]},
            "messages.0.content.0.signature",
            "messages.0.content.0.signature must be a string.",
        ),
        (
            {"messages": [assistant({"type": "thinking", "thinking": 5})]},
            "messages.0.content.0.thinking",
            "messages.0.content.0.thinking must be a string.",
        ),
        *[
            (
                {"tools": [{**tool()["tools"][0], name: value}]},
                f"tools.0.{name}",
                f"tools.0.{name} {wrong}",
            )
            for name, value, wrong in (
                ("type", 5, "must be a string."),
                ("name", None, "is required."),
                ("name", 5, "must be a string."),
                ("description", 5, "must be a string."),
                ("input_schema", None, "is required."),
                ("input_schema", [], "must be an object."),
            )
        ],
        ({"tools": {}}, "tools", "tools must be a list."),
        ({"tools": ["x"]}, "tools.0", "tools.0 must be an object."),
        ({"tool_choice": "auto"}, "tool_choice", "tool_choice must be an object."),
        ({"tool_choice": {}}, "tool_choice.type", "tool_choice.type is required."),
        ({"tool_choice": {"type": 5}}, "tool_choice.type", "tool_choice.type must be a string."),
        (
            {"tool_choice": {"type": "tool"}},
            "tool_choice.name",
            "tool_choice.name is required.",
        ),
        (
            {"tool_choice": {"type": "tool", "name": 5}},
            "tool_choice.name",
            "tool_choice.name must be a string.",
        ),
        (
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": 1}},
            "tool_choice.disable_parallel_tool_use",
            "tool_choice.disable_parallel_tool_use must be a boolean.",
        ),
        ({"stop_sequences": "x"}, "stop_sequences", "stop_sequences must be a list."),
        ({"service_tier": 5}, "service_tier", "service_tier must be a string."),
        ({"system": 5}, "system", "system must be a string or a list."),
        ({"metadata": []}, "metadata", "metadata must be an object."),
        (
            {"metadata": {"user_id": 5}},
            "metadata.user_id",
            "metadata.user_id must be a string.",
        ),
        ({"output_config": []}, "output_config", "output_config must be an object."),
        (
            {"output_config": {"effort": 5}},
            "output_config.effort",
            "output_config.effort must be a string.",
        ),
        (
            {"output_config": {"format": {}}},
            "output_config.format.schema",
            "output_config.format.schema is required.",
        ),
        (
            {"output_format": {"schema": []}},
            "output_format.schema",
            "output_format.schema must be an object.",
        ),
        ({"thinking": "on"}, "thinking", "thinking must be an object."),
        ({"thinking": {}}, "thinking.type", "thinking.type is required."),
        ({"thinking": {"type": 5}}, "thinking.type", "thinking.type must be a string."),
        (
            {"thinking": {"type": "enabled"}},
            "thinking.budget_tokens",
            "thinking.budget_tokens is required.",
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": "many"}},
            "thinking.budget_tokens",
            "thinking.budget_tokens must be a whole number.",
        ),
        (
            {"context_management": {"edits": {}}},
            "context_management.edits",
            "context_management.edits must be a list.",
        ),
    ],
)
def test_an_invalid_field_is_named(fields: Json, param: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(**fields)

    assert not isinstance(caught.value, Untranslatable)
    assert (caught.value.param, caught.value.message) == (param, message)


def test_redacted_thinking_needs_its_data() -> None:
    for data, wrong in ((None, "is required."), (5, "must be a string.")):
        with pytest.raises(InvalidRequest) as caught:
            messages(assistant({"type": "redacted_thinking", "data": data}))
        assert caught.value.message == f"messages.1.content.0.data {wrong}"


def test_a_request_is_an_object() -> None:
    with pytest.raises(InvalidRequest) as caught:
        DIALECTS["messages"].exchange([], OPENROUTER, REPLY)  # type: ignore[arg-type]

    assert (caught.value.param, caught.value.message) == (None, "The body must be an object.")
