"""What a request of Responses is in chat completions, and what is refused, in which words."""

from typing import Any

import pytest

from core.errors import InvalidRequest
from llmproxy.protocol.dialects import DIALECTS, OPENROUTER, PLAIN, Target, Untranslatable
from tests.llmproxy.dialects.samples import REPLY

Json = dict[str, Any]

OPENAI = Target(custom_tools=True, limit="max_completion_tokens")
HI = {"role": "user", "content": "hi"}
CHAT: Json = {"model": "m", "messages": [HI]}
CACHED: Json = {"cache_control": {"type": "ephemeral"}}
SCHEMA = {"type": "object"}
NOTHING: Json = {"type": "object", "properties": {}}


def exchange(target: Target, fields: Json) -> Any:
    return DIALECTS["responses"].exchange({"model": "m", "input": "hi", **fields}, target, REPLY)


def chat(target: Target = OPENROUTER, **fields: Any) -> Json:
    found: Json = exchange(target, fields).chat
    return found


def omitted(target: Target = PLAIN, **fields: Any) -> list[str]:
    found: list[str] = exchange(target, fields).omitted
    return found


def messages(*items: Json, target: Target = OPENROUTER) -> list[Json]:
    found: list[Json] = chat(target, input=list(items))["messages"]
    return found


def user(*parts: Any) -> Json:
    return {"role": "user", "content": list(parts)}


def text(value: str, **more: Any) -> Json:
    return {"type": "text", "text": value, **more}


def function(**fields: Any) -> Json:
    return {"type": "function", "function": fields}


LOOK = {"type": "function", "name": "look", "parameters": SCHEMA}
LOOK_IN_CHAT = function(name="look", parameters=SCHEMA)
RUN = {"type": "custom", "name": "run"}
GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
WHOLE_INPUT = "The tool's whole input, as plain text."


def of_one_string(name: str, about: str = WHOLE_INPUT, **more: Any) -> Json:
    """Return the function that stands for a custom tool."""
    parameters = {
        "type": "object",
        "properties": {"input": {"type": "string", "description": about}},
        "required": ["input"],
        "additionalProperties": False,
    }
    return function(name=name, parameters=parameters, **more)


@pytest.mark.parametrize(
    ("fields", "added"),
    [
        ({}, {}),
        *[
            ({name: value}, {name: value})
            for name, value in (
                ("temperature", 0),
                ("top_p", 0.9),
                ("stream", True),
                ("user", "u"),
                ("safety_identifier", "s"),
                ("service_tier", "flex"),
                ("prompt_cache_key", "k"),
                ("prompt_cache_retention", "24h"),
                ("prompt_cache_options", {"a": 1}),
                ("x_of_a_provider", {"a": 1}),
            )
        ],
        ({"temperature": None, "tools": None, "reasoning": None, "text": None}, {}),
        ({"store": False, "background": False, "previous_response_id": None}, {}),
        ({"text": {}}, {}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"text": {"format": {"type": "text"}}}, {}),
        (
            {"text": {"format": {"type": "json_object"}, "verbosity": "low"}},
            {"response_format": {"type": "json_object"}, "verbosity": "low"},
        ),
        (
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "n",
                        "schema": SCHEMA,
                        "strict": True,
                        "description": "d",
                    }
                }
            },
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "n",
                        "schema": SCHEMA,
                        "strict": True,
                        "description": "d",
                    },
                }
            },
        ),
        ({"include": []}, {}),
        ({"include": ["reasoning.encrypted_content"]}, {}),
        ({"truncation": "disabled"}, {}),
        ({"max_tool_calls": 5}, {}),
        ({"stream_options": {}}, {}),
        ({"stream_options": {"include_obfuscation": False}}, {}),
        ({"reasoning": {}}, {}),
        # Chat completions accept no choice of tools without tools.
        ({"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}, {}),
        ({"tool_choice": "none"}, {}),
        ({"tools": [LOOK]}, {"tools": [LOOK_IN_CHAT]}),
        *[
            (
                {"tools": [LOOK], "tool_choice": choice},
                {"tools": [LOOK_IN_CHAT], "tool_choice": choice},
            )
            for choice in ("auto", "none", "required")
        ],
        (
            {"tools": [LOOK], "parallel_tool_calls": False},
            {"tools": [LOOK_IN_CHAT], "parallel_tool_calls": False},
        ),
        (
            {"tools": [LOOK], "tool_choice": {"type": "function", "name": "look"}},
            {"tools": [LOOK_IN_CHAT], "tool_choice": function(name="look")},
        ),
        (
            {
                "tools": [LOOK],
                "tool_choice": {
                    "type": "allowed_tools",
                    "mode": "auto",
                    "tools": [{"type": "function", "name": "look"}],
                },
            },
            {
                "tools": [LOOK_IN_CHAT],
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [function(name="look")]},
                },
            },
        ),
        (
            {
                "tools": [
                    {
                        **LOOK,
                        "description": "d",
                        "strict": True,
                        "defer_loading": False,
                        "async": False,
                        "allowed_callers": ["direct"],
                        "x_of_a_provider": 1,
                    }
                ]
            },
            {
                "tools": [
                    function(
                        name="look",
                        description="d",
                        parameters=SCHEMA,
                        strict=True,
                        x_of_a_provider=1,
                    )
                ]
            },
        ),
        (
            {"tools": [{"type": "function", "name": "look"}]},
            {"tools": [function(name="look", parameters=NOTHING)]},
        ),
        (
            {"tools": [{"type": "function", "name": "look", "parameters": {}}]},
            {"tools": [function(name="look", parameters=NOTHING)]},
        ),
        # A namespace is a prefix, and its description belongs to its first tool.
        (
            {"tools": [{"type": "namespace", "name": "git", "tools": [LOOK]}]},
            {"tools": [function(name="git__look", parameters=SCHEMA)]},
        ),
        (
            {
                "tools": [
                    {
                        "type": "namespace",
                        "name": "git__",
                        "description": "About git.",
                        "tools": [{**LOOK, "description": "d"}, {**LOOK, "name": "log"}],
                    }
                ]
            },
            {
                "tools": [
                    function(name="git__look", description="About git.\n\nd", parameters=SCHEMA),
                    function(name="git__log", parameters=SCHEMA),
                ]
            },
        ),
        (
            {
                "tools": [LOOK],
                "tool_choice": {"type": "function", "name": "look", "namespace": "git"},
            },
            {"tools": [LOOK_IN_CHAT], "tool_choice": function(name="git__look")},
        ),
    ],
)
@pytest.mark.parametrize("target", [OPENROUTER, PLAIN], ids=["openrouter", "plain"])
def test_fields_for_every_provider(fields: Json, added: Json, target: Target) -> None:
    assert chat(target, **fields) == {**CHAT, **added}
    assert omitted(target, **fields) == []


@pytest.mark.parametrize(
    ("fields", "added"),
    [
        (
            {"reasoning": {"effort": "low", "summary": "auto", "x": 1}},
            {"reasoning": {"effort": "low", "summary": "auto", "x": 1}},
        ),
        ({"reasoning": {"generate_summary": "auto"}}, {"reasoning": {"summary": "auto"}}),
        ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
        ({"client_metadata": {"a": "b"}}, {"client_metadata": {"a": "b"}}),
        ({"tools": [{**LOOK, **CACHED}]}, {"tools": [{**LOOK_IN_CHAT, **CACHED}]}),
    ],
)
def test_fields_for_openrouter(fields: Json, added: Json) -> None:
    assert chat(OPENROUTER, **fields) == {**CHAT, **added}
    assert omitted(OPENROUTER, **fields) == []


@pytest.mark.parametrize(
    ("fields", "added", "left_out"),
    [
        ({"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}, []),
        (
            {"reasoning": {"effort": "low", "context": "auto", "mode": "standard"}},
            {"reasoning_effort": "low"},
            [],
        ),
        ({"reasoning": {"summary": "auto"}}, {}, ["reasoning.summary"]),
        ({"reasoning": {"generate_summary": "auto"}}, {}, ["reasoning.generate_summary"]),
        ({"metadata": {"a": "b"}}, {}, []),
        ({"client_metadata": {"a": "b"}}, {}, ["client_metadata"]),
        ({"tools": [{**LOOK, **CACHED}]}, {"tools": [LOOK_IN_CHAT]}, ["tools.0.cache_control"]),
    ],
)
def test_fields_for_other_providers(fields: Json, added: Json, left_out: list[str]) -> None:
    assert chat(PLAIN, **fields) == {**CHAT, **added}
    assert omitted(PLAIN, **fields) == left_out


def test_the_limit_has_the_name_that_the_provider_knows() -> None:
    assert chat(OPENAI, max_output_tokens=5) == {**CHAT, "max_completion_tokens": 5}
    assert chat(PLAIN, max_output_tokens=5) == {**CHAT, "max_tokens": 5}


def test_hosted_tools_are_left_out_where_the_target_says_so() -> None:
    target = Target(hosted_tools="omit")

    assert chat(target, tools=[{"type": "web_search"}, LOOK]) == {**CHAT, "tools": [LOOK_IN_CHAT]}
    assert omitted(target, tools=[{"type": "web_search"}, LOOK]) == ["tools.0"]


@pytest.mark.parametrize(
    ("tool", "stand_in"),
    [
        (RUN, of_one_string("run")),
        ({**RUN, "description": "d"}, of_one_string("run", description="d")),
        ({**RUN, "format": {"type": "text"}}, of_one_string("run")),
        (
            {**RUN, "format": GRAMMAR, "x_of_a_provider": 1},
            of_one_string(
                "run",
                f"{WHOLE_INPUT} It must match this lark grammar:\nstart: /.+/",
                x_of_a_provider=1,
            ),
        ),
        (
            {"type": "namespace", "name": "sh", "description": "About.", "tools": [RUN]},
            of_one_string("sh__run", description="About."),
        ),
    ],
)
def test_a_custom_tool_is_a_function_of_one_string(tool: Json, stand_in: Json) -> None:
    assert chat(PLAIN, tools=[tool]) == {**CHAT, "tools": [stand_in]}


def custom(**fields: Any) -> Json:
    return {"type": "custom", "custom": fields}


@pytest.mark.parametrize(
    ("tool", "kept"),
    [
        (RUN, custom(name="run")),
        ({**RUN, "description": "d", "x": 1}, custom(name="run", description="d", x=1)),
        ({**RUN, "format": {"type": "text"}}, custom(name="run", format={"type": "text"})),
        (
            {**RUN, "format": GRAMMAR},
            custom(
                name="run",
                format={
                    "type": "grammar",
                    "grammar": {"syntax": "lark", "definition": "start: /.+/"},
                },
            ),
        ),
        (
            {"type": "namespace", "name": "sh", "description": "About.", "tools": [RUN]},
            custom(name="sh__run", description="About."),
        ),
    ],
)
def test_a_custom_tool_stays_one_where_the_provider_has_them(tool: Json, kept: Json) -> None:
    assert chat(OPENAI, tools=[tool]) == {**CHAT, "tools": [kept]}


def test_the_choice_of_a_custom_tool() -> None:
    choice = {"type": "custom", "name": "run"}

    assert chat(OPENAI, tools=[RUN], tool_choice=choice)["tool_choice"] == custom(name="run")
    assert chat(PLAIN, tools=[RUN], tool_choice=choice)["tool_choice"] == function(name="run")


def test_the_instructions_are_the_first_message() -> None:
    assert chat(instructions="be brief")["messages"] == [
        {"role": "system", "content": "be brief"},
        HI,
    ]
    assert chat(instructions="") == CHAT
    assert chat(instructions="be brief", input=[])["messages"] == [
        {"role": "system", "content": "be brief"}
    ]


IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,AA"}
IMAGE_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}


def file(name: str, data: str) -> Json:
    return {"type": "file", "file": {"filename": name, "file_data": data}}


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ([], ""),
        ([{"type": "input_text", "text": "a"}], "a"),
        ([{"type": "text", "text": "a"}], "a"),
        ([{"type": "summary_text", "text": "a"}], "a"),
        ([{"type": "output_text", "text": "a", "annotations": [], "logprobs": []}], "a"),
        ([{"type": "output_text", "text": "a", "annotations": [1]}], [text("a", annotations=[1])]),
        ([{"type": "input_text", "text": "a", "logprobs": [1]}], [text("a", logprobs=[1])]),
        ([{"type": "refusal", "refusal": "no"}], [{"type": "refusal", "refusal": "no"}]),
        ([{"type": "input_text", "text": "a"}, IMAGE], [text("a"), IMAGE_PART]),
        (
            [{**IMAGE, "detail": "low", **CACHED}],
            [
                {
                    "type": "image_url",
                    "image_url": {**IMAGE_PART["image_url"], "detail": "low"},  # type: ignore[dict-item]
                    **CACHED,
                }
            ],
        ),
        ([{"type": "input_file", "file_data": "AA"}], [file("document.pdf", "AA")]),
        (
            [{"type": "input_file", "file_data": "AA", "filename": "a.pdf", "detail": "auto"}],
            [file("a.pdf", "AA")],
        ),
        (
            [{"type": "input_file", "file_url": "https://x.example/a.pdf"}],
            [file("document.pdf", "https://x.example/a.pdf")],
        ),
    ],
)
def test_the_parts_of_the_user(parts: list[Json], content: Any) -> None:
    assert messages(user(*parts)) == [{"role": "user", "content": content}]


@pytest.mark.parametrize(
    ("role", "said"),
    [("user", "user"), ("system", "system"), ("developer", "system")],
)
def test_a_message_keeps_its_role(role: str, said: str) -> None:
    item = {"type": "message", "id": "msg_1", "status": "completed", "role": role, "content": "a"}

    assert messages(item, item) == [{"role": said, "content": "a"}] * 2


def call(identifier: str, **more: Any) -> Json:
    return {"type": "function_call", "call_id": identifier, "name": "f", "arguments": "{}", **more}


def called(identifier: str, name: str = "f", arguments: str = "{}") -> Json:
    function = {"name": name, "arguments": arguments}
    return {"id": identifier, "type": "function", "function": function}


def output(identifier: str, given: Any = "ok", **more: Any) -> Json:
    return {"type": "function_call_output", "call_id": identifier, "output": given, **more}


def answered(identifier: str, content: Any) -> Json:
    return {"role": "tool", "tool_call_id": identifier, "content": content}


def said(content: Any) -> Json:
    return {"role": "assistant", "content": content}


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([said("a")], {"content": "a"}),
        ([said([])], {"content": ""}),
        ([said("a"), said("b")], {"content": [text("a"), text("b")]}),
        (
            [
                said([{"type": "output_text", "text": "a"}, {"type": "text", "text": "b"}]),
                said("c"),
            ],
            {"content": [text("a"), text("b"), text("c")]},
        ),
        ([call("1")], {"content": None, "tool_calls": [called("1")]}),
        (
            [said("a"), call("1"), call("2", namespace="git"), said("b")],
            {
                "content": [text("a"), text("b")],
                "tool_calls": [called("1"), called("2", "git__f")],
            },
        ),
        (
            [
                call(
                    "1",
                    **{"id": "fc_1", "status": "completed", "async": False},
                    caller={"type": "direct"},
                )
            ],
            {"content": None, "tool_calls": [called("1")]},
        ),
    ],
)
def test_the_items_of_a_turn_become_one_message(items: list[Json], message: Json) -> None:
    assert messages(*items) == [{"role": "assistant", **message}]


def test_a_phase_is_left_out() -> None:
    assert omitted(input=[{**said("a"), "phase": "final"}]) == ["input.0.phase"]
    assert messages({**said("a"), "phase": "final"}) == [said("a")]


def test_a_call_of_a_custom_tool() -> None:
    item = {"type": "custom_tool_call", "call_id": "1", "name": "run", "input": 'ls "x"'}

    (plain,) = messages(item, target=PLAIN)
    (own,) = messages({**item, "namespace": "sh"}, target=OPENAI)

    assert plain["tool_calls"] == [called("1", "run", '{"input":"ls \\"x\\""}')]
    assert own["tool_calls"] == [{"id": "1", **custom(name="sh__run", input='ls "x"')}]


@pytest.mark.parametrize(
    ("given", "content"),
    [
        ("ok", "ok"),
        ("", ""),
        ([], ""),
        ([{"type": "input_text", "text": "a"}], "a"),
        ([{"type": "input_text", "text": "a", **CACHED}], [text("a", **CACHED)]),
    ],
)
@pytest.mark.parametrize("kind", ["function_call_output", "custom_tool_call_output"])
def test_the_output_of_a_call(given: Any, content: Any, kind: str) -> None:
    more = {"id": "fco_1", "status": "completed", "name": "f", "namespace": "n"}
    item = output("1", given, **more, caller={"type": "direct"})

    assert messages(call("1"), {**item, "type": kind})[1:] == [answered("1", content)]


def test_outputs_follow_their_calls() -> None:
    found = messages(
        call("1"), call("2"), {"role": "user", "content": "go"}, output("2"), output("1")
    )

    assert found[1:] == [
        answered("2", "ok"),
        answered("1", "ok"),
        {"role": "user", "content": "go"},
    ]


def reasoning(**fields: Any) -> Json:
    return {"type": "reasoning", "id": "rs_1", "summary": [], **fields}


def summary(*texts: str) -> list[Json]:
    return [{"type": "summary_text", "text": one} for one in texts]


ENCRYPTED = {
    "type": "reasoning.encrypted",
    "data": "xx",
    "id": "rs_1",
    "format": "openai-responses-v1",
}


@pytest.mark.parametrize(
    ("item", "details"),
    [
        (reasoning(encrypted_content="xx"), [ENCRYPTED]),
        (
            reasoning(summary=summary("a", "b"), encrypted_content="xx"),
            [
                {"type": "reasoning.summary", "summary": "a"},
                {"type": "reasoning.summary", "summary": "b"},
                ENCRYPTED,
            ],
        ),
        (
            reasoning(
                summary=summary("a"),
                content=[{"type": "reasoning_text", "text": "b"}, {"type": "text", "text": "c"}],
                encrypted_content="",
            ),
            [
                {"type": "reasoning.summary", "summary": "a"},
                {"type": "reasoning.text", "text": "b"},
                {"type": "reasoning.text", "text": "c"},
            ],
        ),
        (
            {"type": "reasoning", "content": [{"text": "b"}]},
            [{"type": "reasoning.text", "text": "b"}],
        ),
    ],
)
def test_reasoning_goes_to_openrouter_as_its_details(item: Json, details: list[Json]) -> None:
    assert messages(item, said("ok")) == [{**said("ok"), "reasoning_details": details}]


@pytest.mark.parametrize(
    ("item", "content"),
    [
        (reasoning(summary=summary("a", "b")), "a\n\nb"),
        (
            reasoning(
                summary=summary("a"),
                content=[{"type": "text", "text": "b"}, {"type": "text", "text": "c"}],
            ),
            "b\n\nc",
        ),
    ],
)
def test_reasoning_goes_to_others_as_text(item: Json, content: str) -> None:
    item = {**item, "encrypted_content": "xx"}

    assert messages(item, said("ok"), target=PLAIN) == [
        {**said("ok"), "reasoning_content": content}
    ]
    assert omitted(input=[item]) == ["input.0.encrypted_content"]


NO_EQUIVALENT = "this field has no equivalent in chat completions."
HOSTED = "this has no equivalent in chat completions."
STORED = "responses are not stored: send the whole conversation in input with every request."
FILES = "stored files are not supported: send the data or a URL."
DIRECT = "only the model can call a tool."
VALUE = "this value is not supported."
BACKGROUND = "background tool calls are not supported."


def part(**fields: Any) -> Json:
    return {"input": [user(fields)]}


def no_tool(kind: str) -> str:
    return f"the tool {kind!r} is not supported."


@pytest.mark.parametrize(
    ("fields", "param", "reason"),
    [
        *[
            ({name: True}, name, STORED)
            for name in ("previous_response_id", "conversation", "store", "background")
        ],
        *[
            ({name: 1}, name, HOSTED)
            for name in ("prompt", "context_management", "moderation", "top_logprobs")
        ],
        ({"n": 2}, "n", "this is a field of chat completions."),
        ({"messages": [1]}, "messages", "this is a field of chat completions."),
        ({"truncation": "auto"}, "truncation", "truncation of the input is not supported."),
        (
            {"include": ["reasoning.encrypted_content", "x"]},
            "include.1",
            "'x' is not supported.",
        ),
        (
            {"stream_options": {"include_obfuscation": True}},
            "stream_options.include_obfuscation",
            "obfuscation is not supported.",
        ),
        ({"stream_options": {"x": 1}}, "stream_options.x", NO_EQUIVALENT),
        (
            {"text": {"format": {"type": "grammar"}}},
            "text.format.type",
            "send text, json_object or json_schema.",
        ),
        ({"text": {"format": {"type": "text", "x": 1}}}, "text.format.x", NO_EQUIVALENT),
        ({"text": {"x": 1}}, "text.x", NO_EQUIVALENT),
        ({"tool_choice": "required"}, "tool_choice", "the request has no tools."),
        (
            {"tool_choice": {"type": "function", "name": "f"}},
            "tool_choice",
            "the request has no tools.",
        ),
        ({"tool_choice": {"type": "file_search"}}, "tool_choice.type", no_tool("file_search")),
        (
            {"tools": [LOOK], "tool_choice": {"type": "function", "name": "look", "x": 1}},
            "tool_choice.x",
            NO_EQUIVALENT,
        ),
        (
            {"tools": [LOOK], "tool_choice": {"type": "allowed_tools", "mode": "auto", "x": 1}},
            "tool_choice.x",
            NO_EQUIVALENT,
        ),
        (
            {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}},
            "tool_choice.tools.0.type",
            no_tool("mcp"),
        ),
        (
            {"tools": [{"type": "web_search"}]},
            "tools.0.type",
            "the tool 'web_search' is not supported: use functions or custom tools.",
        ),
        (
            {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "web_search"}]}]},
            "tools.0.tools.0.type",
            no_tool("web_search"),
        ),
        (
            {"tools": [{"type": "namespace", "name": "n", "tools": []}]},
            "tools.0.tools",
            "it must not be empty.",
        ),
        (
            {"tools": [{"type": "namespace", "name": "n", "tools": [LOOK], "x": 1}]},
            "tools.0.x",
            NO_EQUIVALENT,
        ),
        (
            {"tools": [LOOK, {**RUN, "name": "look"}]},
            "tools.1.name",
            "another tool has this name.",
        ),
        (
            {
                "tools": [
                    {**LOOK, "name": "git__look"},
                    {"type": "namespace", "name": "git", "tools": [LOOK]},
                ]
            },
            "tools.1.tools.0.name",
            "another tool has this name.",
        ),
        (
            {"tools": [{**LOOK, "defer_loading": True}]},
            "tools.0.defer_loading",
            "tool search is not supported.",
        ),
        ({"tools": [{**LOOK, "async": True}]}, "tools.0.async", BACKGROUND),
        ({"tools": [{**LOOK, "allowed_callers": []}]}, "tools.0.allowed_callers", DIRECT),
        (
            {"tools": [{**RUN, "format": {"type": "text", "x": 1}}]},
            "tools.0.format.x",
            NO_EQUIVALENT,
        ),
        (
            {"input": [{"type": "item_reference", "id": "i"}]},
            "input.0.type",
            "items of type 'item_reference' have no equivalent in chat completions.",
        ),
        ({"input": [{**HI, "x": 1}]}, "input.0.x", NO_EQUIVALENT),
        ({"input": [call("1", x=1)]}, "input.0.x", NO_EQUIVALENT),
        ({"input": [call("1", **{"async": True})]}, "input.0.async", BACKGROUND),
        ({"input": [call("1", caller={"type": "code"})]}, "input.0.caller.type", DIRECT),
        ({"input": [call("1", caller={"x": 1})]}, "input.0.caller.x", NO_EQUIVALENT),
        (
            {"input": [call("1"), output("1", caller={"type": "code"})]},
            "input.1.caller.type",
            DIRECT,
        ),
        ({"input": [call("1"), output("1", x=1)]}, "input.1.x", NO_EQUIVALENT),
        ({"input": [reasoning(x=1)]}, "input.0.x", NO_EQUIVALENT),
        ({"input": [reasoning(summary=[{"type": "x"}])]}, "input.0.summary.0.type", VALUE),
        (
            {"input": [reasoning(content=[{"text": "a", "x": 1}])]},
            "input.0.content.0.x",
            NO_EQUIVALENT,
        ),
        (
            {"input": [call("1"), output("1", [{"type": "input_audio"}])]},
            "input.1.output.0.type",
            "parts of type 'input_audio' have no equivalent in chat completions.",
        ),
        (
            part(type="input_audio"),
            "input.0.content.0.type",
            "parts of type 'input_audio' have no equivalent in chat completions.",
        ),
        (part(type="input_image", file_id="f"), "input.0.content.0.file_id", FILES),
        (part(type="input_file", file_id="f"), "input.0.content.0.file_id", FILES),
        (
            part(type="input_file", file_data="A", detail="high"),
            "input.0.content.0.detail",
            VALUE,
        ),
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
    ("target", "fields", "param", "reason"),
    [
        (
            PLAIN,
            part(type="input_file", file_url="u"),
            "input.0.content.0.file_url",
            "this model accepts only a file's data, not a URL.",
        ),
        (
            OPENROUTER,
            part(type="input_file", file_url="u", file_data="A"),
            "input.0.content.0.file_url",
            "send either file_data or file_url.",
        ),
        (PLAIN, {"reasoning": {"context": "x"}}, "reasoning.context", VALUE),
        (PLAIN, {"reasoning": {"mode": "x"}}, "reasoning.mode", VALUE),
        (PLAIN, {"reasoning": {"x": 1}}, "reasoning.x", NO_EQUIVALENT),
        (
            OPENAI,
            {"tools": [{**RUN, "format": {**GRAMMAR, "x": 1}}]},
            "tools.0.format.x",
            NO_EQUIVALENT,
        ),
    ],
)
def test_what_one_target_does_not_have_is_refused(
    target: Target, fields: Json, param: str, reason: str
) -> None:
    with pytest.raises(Untranslatable) as caught:
        chat(target, **fields)

    assert (caught.value.param, caught.value.message) == (param, f"{param}: {reason}")


STRING, OBJECT, LIST = "must be a string.", "must be an object.", "must be a list."
REQUIRED, EITHER = "is required.", "must be a string or a list."


@pytest.mark.parametrize(
    ("fields", "param", "wrong"),
    [
        ({"input": None}, "input", REQUIRED),
        ({"input": 5}, "input", EITHER),
        ({"input": ["x"]}, "input.0", OBJECT),
        ({"input": []}, "input", "must not be empty."),
        ({"instructions": 5}, "instructions", STRING),
        ({"max_output_tokens": "5"}, "max_output_tokens", "must be a whole number."),
        ({"tools": {}}, "tools", LIST),
        ({"tools": ["x"]}, "tools.0", OBJECT),
        ({"tool_choice": 5}, "tool_choice", OBJECT),
        ({"tool_choice": {}}, "tool_choice.type", REQUIRED),
        ({"tool_choice": {"type": 5}}, "tool_choice.type", STRING),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name", REQUIRED),
        ({"tool_choice": {"type": "function", "name": 5}}, "tool_choice.name", STRING),
        (
            {"tool_choice": {"type": "function", "name": "f", "namespace": 5}},
            "tool_choice.namespace",
            STRING,
        ),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.mode", REQUIRED),
        ({"tool_choice": {"type": "allowed_tools", "mode": 5}}, "tool_choice.mode", STRING),
        ({"tool_choice": {"type": "allowed_tools", "tools": 5}}, "tool_choice.tools", LIST),
        (
            {"tool_choice": {"type": "allowed_tools", "tools": [{}]}},
            "tool_choice.tools.0.type",
            REQUIRED,
        ),
        (
            {"tool_choice": {"type": "allowed_tools", "tools": [{"type": 5}]}},
            "tool_choice.tools.0.type",
            STRING,
        ),
        ({"parallel_tool_calls": 1}, "parallel_tool_calls", "must be a boolean."),
        ({"include": "x"}, "include", LIST),
        ({"text": "x"}, "text", OBJECT),
        ({"text": {"format": "x"}}, "text.format", OBJECT),
        ({"text": {"format": {}}}, "text.format.type", REQUIRED),
        ({"text": {"format": {"type": 5}}}, "text.format.type", STRING),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format.name", REQUIRED),
        ({"text": {"format": {"type": "json_schema", "name": 5}}}, "text.format.name", STRING),
        (
            {"text": {"format": {"type": "json_schema", "name": "n"}}},
            "text.format.schema",
            REQUIRED,
        ),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": 5}}},
            "text.format.schema",
            OBJECT,
        ),
        ({"reasoning": "low"}, "reasoning", OBJECT),
        ({"stream_options": 5}, "stream_options", OBJECT),
        *[
            ({"tools": [{**tool, name: value}]}, f"tools.0.{name}", wrong)
            for tool, name, value, wrong in (
                (LOOK, "type", None, REQUIRED),
                (LOOK, "type", 5, STRING),
                (LOOK, "name", None, REQUIRED),
                (LOOK, "name", 5, STRING),
                (LOOK, "parameters", [], OBJECT),
                (RUN, "format", 5, OBJECT),
                ({"type": "namespace", "tools": [LOOK]}, "name", None, REQUIRED),
                ({"type": "namespace", "tools": [LOOK]}, "name", 5, STRING),
                ({"type": "namespace", "name": "n"}, "description", 5, STRING),
                ({"type": "namespace", "name": "n"}, "tools", 5, LIST),
            )
        ],
        *[
            (
                {"tools": [{**RUN, "format": {**GRAMMAR, name: value}}]},
                f"tools.0.format.{name}",
                wrong,
            )
            for name in ("type", "syntax", "definition")
            for value, wrong in ((None, REQUIRED), (5, STRING))
        ],
        *[
            (
                {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": value}]}]},
                "tools.0.tools.0.type",
                wrong,
            )
            for value, wrong in ((None, REQUIRED), (5, STRING))
        ],
        ({"input": [{"type": 5}]}, "input.0.type", STRING),
        ({"input": [{"content": "a"}]}, "input.0.role", REQUIRED),
        ({"input": [{"role": 5, "content": "a"}]}, "input.0.role", STRING),
        ({"input": [{"role": "user"}]}, "input.0.content", REQUIRED),
        ({"input": [{"role": "user", "content": 5}]}, "input.0.content", EITHER),
        ({"input": [user("x")]}, "input.0.content.0", OBJECT),
        *[
            ({"input": [{**call("1"), name: value}]}, f"input.0.{name}", wrong)
            for name in ("call_id", "name", "arguments")
            for value, wrong in ((None, REQUIRED), (5, STRING))
        ],
        ({"input": [call("1", namespace=5)]}, "input.0.namespace", STRING),
        ({"input": [call("1", caller=5)]}, "input.0.caller", OBJECT),
        *[
            (
                {"input": [{**call("1"), "type": "custom_tool_call", "input": value}]},
                "input.0.input",
                wrong,
            )
            for value, wrong in ((None, REQUIRED), (5, STRING))
        ],
        *[
            ({"input": [call("1"), {**output("1"), name: value}]}, f"input.1.{name}", wrong)
            for name, value, wrong in (
                ("call_id", None, REQUIRED),
                ("call_id", 5, STRING),
                ("output", None, REQUIRED),
                ("output", 5, EITHER),
            )
        ],
        ({"input": [reasoning(summary=5)]}, "input.0.summary", LIST),
        ({"input": [reasoning(summary=[{}])]}, "input.0.summary.0.text", REQUIRED),
        ({"input": [reasoning(content=[{"text": 5}])]}, "input.0.content.0.text", STRING),
        ({"input": [reasoning(encrypted_content=5)]}, "input.0.encrypted_content", STRING),
        ({"input": [reasoning(encrypted_content="x", id=5)]}, "input.0.id", STRING),
        *[
            (part(**fields), f"input.0.content.0.{name}", wrong)
            for fields, name, wrong in (
                ({}, "type", REQUIRED),
                ({"type": 5}, "type", STRING),
                ({"type": "input_text"}, "text", REQUIRED),
                ({"type": "input_text", "text": 5}, "text", STRING),
                ({"type": "refusal"}, "refusal", REQUIRED),
                ({"type": "refusal", "refusal": 5}, "refusal", STRING),
                ({"type": "input_image"}, "image_url", REQUIRED),
                ({"type": "input_image", "image_url": {"url": "u"}}, "image_url", STRING),
                ({"type": "input_file"}, "file_data", REQUIRED),
                ({"type": "input_file", "file_data": 5}, "file_data", STRING),
                ({"type": "input_file", "file_url": 5}, "file_url", STRING),
                ({"type": "input_file", "file_data": "A", "filename": 5}, "filename", STRING),
            )
        ],
    ],
)
def test_an_invalid_field_is_named(fields: Json, param: str, wrong: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(**fields)

    assert not isinstance(caught.value, Untranslatable)
    assert (caught.value.param, caught.value.message) == (param, f"{param} {wrong}")


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        (
            {"input": [{"role": "tool", "content": "a"}]},
            "input.0.role",
            "A role must be user, assistant, system or developer.",
        ),
        ({"input": [output("1")]}, "input.0.call_id", "No call '1' comes before its output."),
    ],
)
def test_an_item_out_of_place_is_named(fields: Json, param: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(**fields)

    assert (caught.value.param, caught.value.message) == (param, message)


@pytest.mark.parametrize(
    ("target", "name"),
    [(PLAIN, "effort"), (OPENROUTER, "generate_summary")],
)
def test_a_setting_of_reasoning_is_a_string(target: Target, name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(target, reasoning={name: 5})

    assert caught.value.message == f"reasoning.{name} must be a string."


@pytest.mark.parametrize("target", [OPENROUTER, OPENAI], ids=["openrouter", "openai"])
@pytest.mark.parametrize("name", ["type", "syntax", "definition"])
def test_the_grammar_of_a_custom_tool_is_strings(name: str, target: Target) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(target, tools=[{**RUN, "format": {**GRAMMAR, name: 5}}])

    assert caught.value.message == f"tools.0.format.{name} must be a string."
