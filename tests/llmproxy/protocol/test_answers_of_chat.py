"""Answers of chat completions as whole answers and whole streams of the other dialects."""

import json
from typing import Any

import pytest

from core.errors import RateLimited
from llmproxy.protocol.dialects import DIALECTS, OPENROUTER, PLAIN, Reply, StreamTranslator

Json = dict[str, Any]

REPLY = Reply(id="42", created=1_700_000_000, model="asked/for", prompt_tokens=11)
REQUESTS: dict[str, Json] = {
    "messages": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "responses": {"model": "m", "input": "hi"},
}
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
MODEL = "their/model"


def answer_of(dialect: str, message: Any, finish: Any = "stop", **fields: Any) -> Json:
    """Return the dialect's answer. ``request`` and ``choice`` have more fields of theirs."""
    request = {**REQUESTS[dialect], **fields.pop("request", {})}
    choice = {"message": message, "finish_reason": finish, **fields.pop("choice", {})}
    chat = {"model": MODEL, "created": 1_750_000_000, "choices": [choice], "usage": USAGE, **fields}
    return DIALECTS[dialect].exchange(request, OPENROUTER, REPLY).answer(chat)


def call(name: str = "f", arguments: Any = '{"a":1}', **fields: Any) -> Json:
    function = {"name": name, "arguments": arguments}
    return {"id": "c1", "type": "function", "function": function, **fields}


# Messages: whole answers


def test_a_message_is_complete() -> None:
    assert answer_of("messages", {"content": "hello"}) == {
        "id": "msg_42",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 60,
            "cache_creation_input_tokens": 10,
            "cache_read_input_tokens": 30,
            "output_tokens": 20,
            "output_tokens_details": {"thinking_tokens": 5},
        },
    }


def used(dialect: str, usage: Any) -> Any:
    return answer_of(dialect, {"content": "a"}, usage=usage)["usage"]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, (11, 0, 0, 0, 0)),
        ({}, (11, 0, 0, 0, 0)),
        ("x", (11, 0, 0, 0, 0)),
        ({"prompt_tokens": 7}, (7, 0, 0, 0, 0)),
        ({"completion_tokens": 7}, (0, 0, 0, 7, 0)),
        ({"prompt_tokens": "7", "completion_tokens": True}, (0, 0, 0, 0, 0)),
        ({"prompt_tokens": -1, "completion_tokens": 1}, (0, 0, 0, 1, 0)),
        # No more of the cache than there is of the prompt.
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 10}}, (0, 0, 9, 0, 0)),
        (
            {
                "prompt_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 6},
            },
            (0, 4, 5, 0, 0),
        ),
        *[
            ({"prompt_tokens": 9, "prompt_tokens_details": {name: 6}}, (3, 6, 0, 0, 0))
            for name in (
                *("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens"),
            )
        ],
    ],
)
def test_usage_in_anthropics_names(usage: Any, expected: tuple[int, int, int, int, int]) -> None:
    fresh, written, read, output, thinking = expected

    assert used("messages", usage) == {
        "input_tokens": fresh,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": thinking},
    }


@pytest.mark.parametrize("model", [None, "", 5])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_model_without_a_name_is_the_one_that_was_asked_for(dialect: str, model: Any) -> None:
    assert answer_of(dialect, {}, model=model)["model"] == "asked/for"


@pytest.mark.parametrize("choices", [None, [], ["x"], {"message": {"content": "a"}}])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_without_a_choice_has_no_content(dialect: str, choices: Any) -> None:
    answer = answer_of(dialect, None, choices=choices)

    assert answer.get("content", answer.get("output")) == []


REFUSED = {"type": "refusal", "category": None, "explanation": None}


@pytest.mark.parametrize(
    ("message", "finish", "choice", "expected"),
    [
        ({}, "stop", {}, ("end_turn", None, None)),
        ({}, None, {}, ("end_turn", None, None)),
        ({}, "anything", {}, ("end_turn", None, None)),
        ({}, "length", {}, ("max_tokens", None, None)),
        ({}, "content_filter", {}, ("refusal", None, REFUSED)),
        ({"refusal": "no"}, "stop", {}, ("refusal", None, REFUSED)),
        ({"tool_calls": [call()]}, "tool_calls", {}, ("tool_use", None, None)),
        ({"tool_calls": [call()]}, "stop", {}, ("tool_use", None, None)),
        ({"tool_calls": [call()]}, "length", {}, ("max_tokens", None, None)),
        ({"tool_calls": [call()]}, "content_filter", {}, ("refusal", None, REFUSED)),
        ({"tool_calls": [call()], "refusal": "no"}, "stop", {}, ("tool_use", None, None)),
        ({"refusal": "no"}, "length", {}, ("refusal", None, REFUSED)),
        ({"content": "a"}, "stop", {"stop_reason": "END"}, ("stop_sequence", "END", None)),
        ({"content": "a"}, "stop", {"stop_reason": "other"}, ("end_turn", None, None)),
        ({"content": "a"}, "stop", {"stop_reason": 5}, ("end_turn", None, None)),
        (
            {"content": "a"},
            "stop",
            {"native_finish_reason": "stop_sequence"},
            ("stop_sequence", "END", None),
        ),
        ({"content": "a"}, "stop", {"native_finish_reason": "stop"}, ("end_turn", None, None)),
        (
            {"tool_calls": [call()]},
            "stop",
            {"stop_reason": "END"},
            ("tool_use", None, None),
        ),
    ],
)
def test_the_reason_why_a_message_ended(
    message: Json, finish: Any, choice: Json, expected: tuple[str, str | None, Json | None]
) -> None:
    request = {"stop_sequences": ["END"]}

    answer = answer_of("messages", message, finish, choice=choice, request=request)

    assert (answer["stop_reason"], answer["stop_sequence"], answer["stop_details"]) == expected


def test_which_of_several_stop_sequences_it_was_must_be_told() -> None:
    request = {"stop_sequences": ["END", "STOP"]}
    told, untold = {"stop_reason": "STOP"}, {"native_finish_reason": "stop_sequence"}

    assert answer_of("messages", {}, choice=told, request=request)["stop_sequence"] == "STOP"
    assert answer_of("messages", {}, choice=untold, request=request)["stop_reason"] == "end_turn"
    assert answer_of("messages", {}, choice=untold)["stop_reason"] == "end_turn"


def text_block(text: str) -> Json:
    return {"type": "text", "text": text}


def thinking(text: str, signature: str = "") -> Json:
    return {"type": "thinking", "thinking": text, "signature": signature}


def tool_use(found: Any, name: str = "f", identifier: str = "c1") -> Json:
    return {"type": "tool_use", "id": identifier, "name": name, "input": found}


ANTHROPIC = {"format": "anthropic-claude-v1"}
OPENAI = {"format": "openai-responses-v1"}


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ({"content": ""}, []),
        ({"content": [text_block("a"), text_block("b"), "x", {"text": 5}]}, [text_block("ab")]),
        (
            {"content": [{"thinking": [text_block("hm")]}, text_block("a")]},
            [thinking("hm"), text_block("a")],
        ),
        ({"refusal": "no"}, [text_block("no")]),
        ({"content": "a", "refusal": "no"}, [text_block("a"), text_block("no")]),
        ({"reasoning": "hm", "content": "a"}, [thinking("hm"), text_block("a")]),
        ({"reasoning_content": "hm"}, [thinking("hm")]),
        ({"reasoning": "", "reasoning_content": "hm"}, [thinking("hm")]),
        # The structured form has precedence over the plain text, which repeats it.
        (
            {"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
            [thinking("hm")],
        ),
        ({"reasoning": "hm", "reasoning_details": ["x"]}, [thinking("hm")]),
        (
            {
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "hm", "signature": "s", **ANTHROPIC},
                    {"type": "reasoning.text", "text": "and", "signature": None, "index": 1},
                    {"type": "reasoning.encrypted", "data": "xx", **ANTHROPIC},
                    {"type": "reasoning.encrypted", "data": 5, "format": None},
                ]
            },
            [
                thinking("hm", "s"),
                thinking("and"),
                {"type": "redacted_thinking", "data": "xx"},
                {"type": "redacted_thinking", "data": ""},
            ],
        ),
        (
            {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": 5}]},
            [thinking("hm")],
        ),
        ({"reasoning_details": [{"type": "reasoning.other", "index": 0}]}, [thinking("")]),
        ({"tool_calls": [call()]}, [tool_use({"a": 1})]),
        ({"tool_calls": [call(arguments="")]}, [tool_use({})]),
        ({"tool_calls": [call(arguments=" ")]}, [tool_use({})]),
        ({"tool_calls": [call(arguments={"a": 1})]}, [tool_use({"a": 1})]),
        ({"tool_calls": [call(arguments="[1]")]}, [tool_use({"arguments": "[1]"})]),
        ({"tool_calls": [call(arguments='{"a"}')]}, [tool_use({"arguments": '{"a"}'})]),
        ({"tool_calls": [call(arguments='{"a":1} ')]}, [tool_use({"a": 1})]),
        (
            {"tool_calls": [call(arguments='{"a":12345678901234567890}')]},
            [tool_use({"a": 12345678901234567890})],
        ),
        ({"tool_calls": [call(arguments=None)]}, [tool_use({})]),
        (
            {"content": "a", "tool_calls": [call(id=None), "x", call("g", id="c2")]},
            [
                text_block("a"),
                tool_use({"a": 1}, identifier="toolu_42_1"),
                tool_use({"a": 1}, "g", "c2"),
            ],
        ),
        (
            {"tool_calls": [call(index=0, id="c1"), call("g", index=0, id="c1")]},
            [tool_use({"a": 1}), tool_use({"a": 1}, "g")],
        ),
        ({"tool_calls": [{"id": "c1"}]}, [tool_use({}, name="")]),
        (
            {"function_call": {"name": "f", "arguments": '{"a":1}'}},
            [tool_use({"a": 1}, identifier="toolu_42_0")],
        ),
        ({"function_call": "f", "tool_calls": "x"}, []),
        (
            {"tool_calls": [{"id": "c1", "custom": {"name": "f", "input": "ls"}}]},
            [tool_use({"arguments": "ls"})],
        ),
    ],
)
def test_the_blocks_of_a_message(message: Json, content: list[Json]) -> None:
    assert answer_of("messages", message)["content"] == content


@pytest.mark.parametrize(
    ("detail", "field"),
    [
        ({"type": "reasoning.summary", "summary": "hm"}, "signature"),
        ({"type": "reasoning.text", "text": "hm", "signature": "s", **OPENAI}, "signature"),
        ({"type": "reasoning.text", "text": "hm", "id": "i"}, "signature"),
        ({"type": "reasoning.encrypted", "data": "xx", **OPENAI, "id": "rs_1"}, "data"),
    ],
)
def test_reasoning_of_others_is_packed_and_comes_back_with_the_next_turn(
    detail: Json, field: str
) -> None:
    (block,) = answer_of("messages", {"reasoning_details": [detail]})["content"]

    assert block[field].startswith("tgr1.")
    turn = {"role": "assistant", "content": [block]}
    request = {**REQUESTS["messages"], "messages": [turn]}
    chat = DIALECTS["messages"].exchange(request, OPENROUTER, REPLY).chat
    assert chat["messages"][0]["reasoning_details"] == [detail]


@pytest.mark.parametrize(
    "signature", ["tgr1.!", "tgr1.bm8=", "tgr1.e30=", "tgr1.WzFd", "tgr1.eyJ0eXBlIjo1fQ==", "s"]
)
def test_a_signature_that_we_did_not_write_is_passed_on(signature: str) -> None:
    """After the prefix: no base64, no JSON, an object without a type, a list, a type of 5."""
    block = {"type": "thinking", "thinking": "hm", "signature": signature}
    request = {**REQUESTS["messages"], "messages": [{"role": "assistant", "content": [block]}]}

    (turn,) = DIALECTS["messages"].exchange(request, OPENROUTER, REPLY).chat["messages"]

    expected = {"type": "reasoning.text", "text": "hm", "signature": signature, **ANTHROPIC}
    assert turn["reasoning_details"] == [expected]


# Responses: whole answers


def response(**fields: Any) -> Json:
    return {
        "id": "resp_42",
        "object": "response",
        "created_at": 1_750_000_000,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "model": MODEL,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": None,
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 10},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 120,
        },
        "user": None,
        **fields,
    }


def output_text(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def item(*parts: Json, number: int = 0, status: str = "completed") -> Json:
    return {
        "id": f"msg_42_{number}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": list(parts),
    }


def test_a_response_is_complete() -> None:
    assert answer_of("responses", {"content": "hello"}) == response(
        output=[item(output_text("hello"))]
    )


def test_a_response_repeats_its_request() -> None:
    request = {
        "instructions": "be brief",
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "temperature": 0,
        "tool_choice": "none",
        "tools": [{"type": "function", "name": "f"}],
        "top_p": 0.5,
        "max_output_tokens": 5,
        "max_tool_calls": 3,
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "service_tier": "flex",
        "user": "u",
        "truncation": "disabled",
    }
    more = {
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
    }

    answer = answer_of("responses", {}, request={**request, **more})

    assert answer == response(
        **request,
        reasoning={"effort": "low", "summary": None},
        text={"format": {"type": "json_object"}, "verbosity": "low"},
    )


@pytest.mark.parametrize("created", [None, "now"])
def test_a_response_without_a_time_has_ours(created: Any) -> None:
    assert answer_of("responses", {}, created=created)["created_at"] == 1_700_000_000


def test_a_response_without_usage_has_none() -> None:
    assert used("responses", None) is None
    assert used("responses", {"prompt_tokens": 7}) == {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 7,
    }


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("length", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_a_response_that_was_cut_is_incomplete_with_its_last_item(finish: str, reason: str) -> None:
    details = {"status": "incomplete", "incomplete_details": {"reason": reason}}
    message = {"content": "a", "refusal": "no"}
    refusal = {"type": "refusal", "refusal": "no"}

    assert answer_of("responses", message, finish) == response(
        **details, output=[item(output_text("a")), item(refusal, number=1, status="incomplete")]
    )
    assert answer_of("responses", {"content": "a"}, finish) == response(
        **details, output=[item(output_text("a"), status="incomplete")]
    )
    assert answer_of("responses", {}, finish) == response(**details)
    thought = {"id": "rs_42_0", "type": "reasoning", "summary": [], "content": [reason_text("hm")]}
    assert answer_of("responses", {"reasoning": "hm"}, finish) == response(
        **details, output=[thought]
    )


def reason_text(text: str) -> Json:
    return {"type": "reasoning_text", "text": text}


def reasoning(**fields: Any) -> Json:
    return {"id": "rs_42_0", "type": "reasoning", "summary": [], **fields}


def function_call(**fields: Any) -> Json:
    return {
        "id": "fc_42_0",
        "call_id": "c1",
        "type": "function_call",
        "name": "f",
        "arguments": '{"a":1}',
        "status": "completed",
        **fields,
    }


@pytest.mark.parametrize(
    ("message", "items"),
    [
        ({"content": ""}, []),
        ({"refusal": "no"}, [item({"type": "refusal", "refusal": "no"})]),
        ({"reasoning": "hm"}, [reasoning(content=[reason_text("hm")])]),
        (
            {"reasoning_details": [{"type": "reasoning.summary", "summary": "hm"}]},
            [reasoning(summary=[{"type": "summary_text", "text": "hm"}])],
        ),
        ({"reasoning_details": [{"type": "reasoning.summary", "summary": ""}]}, [reasoning()]),
        ({"reasoning_details": [{"type": "reasoning.text"}]}, [reasoning()]),
        (
            {
                "reasoning_details": [
                    {"type": "reasoning.encrypted", "data": "xx", "id": "rs_1", **OPENAI}
                ]
            },
            [reasoning(id="rs_1")],
        ),
        ({"reasoning_details": [{"type": "reasoning.text", "id": "rs_1"}]}, [reasoning()]),
        (
            {"reasoning_details": [{"type": "reasoning.text", "id": 5, **OPENAI}]},
            [reasoning()],
        ),
        ({"tool_calls": [call()]}, [function_call()]),
        ({"tool_calls": [call(arguments={"a": 1})]}, [function_call()]),
        ({"tool_calls": [call(arguments="[")]}, [function_call(arguments="[")]),
        ({"tool_calls": [call(id=None)]}, [function_call(call_id="call_42_0")]),
        *[
            (
                {"tool_calls": [{"id": "c1", "custom": {"name": "f", "input": given}}]},
                [
                    {
                        "id": "fc_42_0",
                        "call_id": "c1",
                        "type": "custom_tool_call",
                        "name": "f",
                        "input": given,
                        "status": "completed",
                    }
                ],
            )
            for given in ("ls", '{"input":"ls"}')
        ],
    ],
)
def test_the_items_of_a_response(message: Json, items: list[Json]) -> None:
    assert answer_of("responses", message)["output"] == items


@pytest.mark.parametrize(
    ("detail", "opaque"),
    [
        ({"type": "reasoning.encrypted", "data": "xx", **OPENAI}, "xx"),
        ({"type": "reasoning.encrypted", "data": 5, **OPENAI}, None),
        ({"type": "reasoning.text", "text": "hm"}, None),
        ({"type": "reasoning.text", "text": "hm", "index": 0, "format": "f"}, None),
        ({"type": "reasoning.text", "text": "hm", "signature": "s", **ANTHROPIC}, "packed"),
        ({"type": "reasoning.encrypted", "data": "xx", **ANTHROPIC}, "packed"),
        ({"type": "reasoning.summary", "summary": "hm", "id": "i"}, "packed"),
    ],
)
def test_opaque_reasoning_is_added_if_the_request_includes_it(
    detail: Json, opaque: str | None
) -> None:
    request = {"include": ["reasoning.encrypted_content"]}
    message = {"reasoning_details": [detail]}

    (found,) = answer_of("responses", message, request=request)["output"]
    (without,) = answer_of("responses", message)["output"]

    assert "encrypted_content" not in without
    if opaque != "packed":
        assert found.get("encrypted_content") == opaque
        return
    back = {**REQUESTS["responses"], "input": [found]}
    (turn,) = DIALECTS["responses"].exchange(back, OPENROUTER, REPLY).chat["messages"]
    assert turn["reasoning_details"] == [detail]


def test_packed_reasoning_comes_back_with_all_of_its_texts() -> None:
    detail = {"type": "reasoning.summary", "summary": "hm", "id": "i"}
    request = {"include": ["reasoning.encrypted_content"]}
    (found,) = answer_of("responses", {"reasoning_details": [detail]}, request=request)["output"]
    texts = [{"type": "summary_text", "text": one} for one in ("a", "b")]

    back = {**REQUESTS["responses"], "input": [{**found, "summary": texts}]}
    (turn,) = DIALECTS["responses"].exchange(back, OPENROUTER, REPLY).chat["messages"]

    assert turn["reasoning_details"] == [{**detail, "summary": "a\n\nb"}]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ('{"input":"ls"}', "ls"),
        ('{"input":"ls","more":1}', "ls"),
        ('{"command":"ls"}', "ls"),
        ('{"command":"ls","more":1}', '{"command":"ls","more":1}'),
        ('{"input":5}', '{"input":5}'),
        ("{}", "{}"),
        ("ls", "ls"),
    ],
)
def test_the_input_of_a_custom_tool_is_in_its_function(arguments: str, given: str) -> None:
    request = {"tools": [{"type": "custom", "name": "f"}]}
    message = {"tool_calls": [call(arguments=arguments)]}

    (found,) = answer_of("responses", message, request=request)["output"]

    assert (found["type"], found["name"], found["input"]) == ("custom_tool_call", "f", given)
    assert "arguments" not in found


def test_a_tool_of_a_namespace_is_named_as_the_client_knows_it() -> None:
    space = {"type": "namespace", "name": "git", "tools": [{"type": "function", "name": "f"}]}

    (found,) = answer_of("responses", {"tool_calls": [call("git__f")]}, request={"tools": [space]})[
        "output"
    ]

    assert found == function_call(namespace="git")


# Streams


class Stream:
    """A stream to a client, of chunks from a provider."""

    def __init__(self, dialect: str, **request: Any) -> None:
        whole = {**REQUESTS[dialect], **request}
        self.translator: StreamTranslator = DIALECTS[dialect].exchange(whole, PLAIN, REPLY).stream()

    def add(self, delta: Any, finish: Any = None, **fields: Any) -> list[Json]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, **fields.pop("choice", {})}
        chunk = {"model": MODEL, "created": 1_750_000_000, "choices": [choice], **fields}
        return events(self.translator.feed(b"data: " + json.dumps(chunk).encode() + b"\n\n"))

    def end(self) -> list[Json]:
        return events(self.translator.finish())


def events(written: list[bytes]) -> list[Json]:
    found = []
    for raw in written:
        name, data = raw.decode().removesuffix("\n\n").split("\n")
        payload = json.loads(data.removeprefix("data: "))
        assert name == f"event: {payload['type']}"
        found.append(payload)
    return found


def started() -> list[Json]:
    message: Json = {
        "id": "msg_42",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 11,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 0,
            "output_tokens_details": {"thinking_tokens": 0},
        },
    }
    return [{"type": "message_start", "message": message}, {"type": "ping"}]


def block_start(index: int, block: Json) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def block_delta(index: int, kind: str, **fields: str) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def block_stop(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


def ended(reason: str, usage: Json | None = None, sequence: str | None = None) -> list[Json]:
    delta = {"stop_reason": reason, "stop_sequence": sequence, "stop_details": None}
    used = usage or started()[0]["message"]["usage"]
    return [
        {"type": "message_delta", "delta": delta, "usage": used},
        {"type": "message_stop"},
    ]


def test_a_stream_of_messages_from_its_start_to_its_end() -> None:
    stream = Stream("messages", stop_sequences=["END"])

    assert stream.add({"role": "assistant", "content": ""}) == started()
    assert stream.add({"content": "Hel"}) == [
        block_start(0, {"type": "text", "text": ""}),
        block_delta(0, "text_delta", text="Hel"),
    ]
    assert stream.add({"content": "lo"}) == [block_delta(0, "text_delta", text="lo")]
    assert stream.add({}, "stop", choice={"stop_reason": "END"}) == []
    assert stream.add({}, usage=USAGE, choices=[]) == []
    usage = {
        "input_tokens": 60,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 30,
        "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 5},
    }
    assert stream.end() == [block_stop(0), *ended("stop_sequence", usage, "END")]
    assert stream.end() == []


def test_thinking_is_signed_at_its_end() -> None:
    stream = Stream("messages")
    text = {"type": "reasoning.text", "index": 0, **ANTHROPIC}
    hidden = {"type": "reasoning.encrypted", "data": "xx", "index": 1, **ANTHROPIC}

    stream.add({})
    assert stream.add({"reasoning_details": [{**text, "text": "hm"}]}) == [
        block_start(0, {"type": "thinking", "thinking": "", "signature": ""}),
        block_delta(0, "thinking_delta", thinking="hm"),
    ]
    assert stream.add({"reasoning_details": [{**text, "signature": "s"}]}) == []
    assert stream.add({"reasoning_details": [hidden]}) == [
        block_delta(0, "signature_delta", signature="s"),
        block_stop(0),
        block_start(1, {"type": "redacted_thinking", "data": "xx"}),
    ]
    assert stream.add({"content": "a"}) == [
        block_stop(1),
        block_start(2, {"type": "text", "text": ""}),
        block_delta(2, "text_delta", text="a"),
    ]
    stream.add({}, "stop")
    assert stream.end() == [block_stop(2), *ended("end_turn")]


def test_hidden_thinking_is_not_signed() -> None:
    stream = Stream("messages")
    hidden = {"type": "reasoning.encrypted", "data": "xx", "id": "rs_1", **OPENAI}
    stream.add({"reasoning_details": [hidden]}, "stop")

    assert stream.end() == [block_stop(0), *ended("end_turn")]


def test_a_call_without_an_id_gets_one() -> None:
    stream = Stream("messages")
    function = {"name": "f", "arguments": "{}"}

    *_, start, _ = stream.add({"tool_calls": [{"index": 0, "function": function}]})

    assert start == block_start(0, tool_use({}, identifier="toolu_42_0"))


def test_calls_are_sent_one_after_the_other() -> None:
    stream = Stream("messages")

    def delta(index: int, arguments: str, **fields: Any) -> Json:
        function = {"arguments": arguments, **fields.pop("function", {})}
        return {"tool_calls": [{"index": index, "function": function, **fields}]}

    stream.add({})
    assert stream.add(delta(0, "", id="c1")) == [], "its name is not known"
    assert stream.add(delta(0, '{"a"', function={"name": "f"})) == [
        block_start(0, tool_use({})),
        block_delta(0, "input_json_delta", partial_json='{"a"'),
    ]
    assert stream.add(delta(1, "{}", id="c2", function={"name": "g"})) == [], "the first goes on"
    assert stream.add(delta(0, ":1}")) == [
        block_delta(0, "input_json_delta", partial_json=":1}"),
        block_stop(0),
        block_start(1, tool_use({}, "g", "c2")),
        block_delta(1, "input_json_delta", partial_json="{}"),
    ]
    assert stream.add(delta(0, " ")) == [], "nothing follows complete arguments"
    stream.add({}, "tool_calls")
    assert stream.end() == [block_stop(1), *ended("tool_use")]


def test_a_stream_of_texts_only_is_translated_without_its_chunks() -> None:
    stream = Stream("messages")

    first = events(stream.translator.text("a"))
    assert first[0]["message"]["model"] == "asked/for"
    assert first[2:] == [
        block_start(0, {"type": "text", "text": ""}),
        block_delta(0, "text_delta", text="a"),
    ]
    assert events(stream.translator.text("b")) == [block_delta(0, "text_delta", text="b")]
    assert events(Stream("responses").translator.text("a"))[-1]["delta"] == "a"


def deltas(dialect: str, written: list[Json]) -> list[str]:
    """Return the texts of the answer that some events add."""
    if dialect == "messages":
        return [one["delta"]["text"] for one in written if "text" in one.get("delta", {})]
    return [one["delta"] for one in written if one["type"] == "response.output_text.delta"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_texts_and_chunks_are_one_text(dialect: str) -> None:
    stream = Stream(dialect)

    written = events(stream.translator.text("a"))
    written += stream.add({"content": "b"}) + events(stream.translator.text("c"))

    assert deltas(dialect, written) == ["a", "b", "c"]
    opened = ("content_block_start", "response.output_item.added")
    assert len([one for one in written if one["type"] in opened]) == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_text_after_a_call_is_another_text(dialect: str) -> None:
    stream = Stream(dialect)

    def unfinished(index: int) -> Json:
        function = {"name": "f", "arguments": "{"}
        return {"tool_calls": [{"index": index, "id": f"c{index}", "function": function}]}

    written = stream.add(unfinished(0)) + events(stream.translator.text("a"))
    written += stream.add(unfinished(1)) + events(stream.translator.text("b"))
    assert deltas(dialect, written) == [], "the first call is not complete"
    stream.add({}, "tool_calls")

    assert deltas(dialect, stream.end()) == ["a", "b"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_that_broke_off_ends_with_an_error(dialect: str) -> None:
    stream = Stream(dialect)
    stream.add({"content": "a"})

    last = stream.end()[-1]

    error = last["error"] if dialect == "messages" else last["response"]["error"]
    assert error["message"] == "The upstream ended the stream before the answer was complete."
    assert stream.end() == []
    assert stream.translator.text("b") == []
    assert stream.translator.chunk({"choices": [{"delta": {"content": "b"}}]}) == []
    assert stream.add({"content": "b"}) == []
    assert stream.translator.error(RateLimited("No.")) == []


@pytest.mark.parametrize(
    ("error", "message", "kind"),
    [
        ({"message": "busy", "code": 429}, "busy", "rate_limit_error"),
        ({"message": "busy", "code": 400}, "busy", "invalid_request_error"),
        ({"message": "busy", "code": 599}, "busy", "api_error"),
        ({"message": "busy", "code": 399}, "busy", "api_error"),
        ({"message": "busy", "code": 600}, "busy", "api_error"),
        ({"message": "busy", "code": "429"}, "busy", "api_error"),
        ({"message": 5}, "The upstream failed.", "api_error"),
        ({}, "The upstream failed.", "api_error"),
    ],
)
def test_an_error_in_a_stream_of_messages_ends_it(error: Json, message: str, kind: str) -> None:
    stream = Stream("messages")
    stream.add({"content": "a"})

    assert stream.add({}, error=error) == [
        {
            "type": "error",
            "error": {"type": kind, "message": message, "code": "upstream_error"},
            "request_id": "42",
        }
    ]
    assert (stream.add({"content": "b"}), stream.end()) == ([], [])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_is_complete_by_its_reason_or_by_done(dialect: str) -> None:
    done, finished, both = Stream(dialect), Stream(dialect), Stream(dialect)
    done.add({"content": "a"})
    assert done.translator.feed(b"data: [DONE]\n\n") == []
    finished.add({"content": "a"}, "stop")
    both.add({"content": "a"})

    kinds = ("message_stop", "response.completed")
    assert done.translator.complete
    assert not both.translator.complete
    assert done.end()[-1]["type"] in kinds
    assert finished.end()[-1]["type"] in kinds
    assert both.end()[-1]["type"] not in kinds


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_chunk_may_come_parsed(dialect: str) -> None:
    chunk = {"choices": [{"delta": {"content": "a"}}]}
    raw = b"data: " + json.dumps(chunk).encode() + b"\n\n"

    assert Stream(dialect).translator.chunk(chunk) == Stream(dialect).translator.feed(raw) != []


def test_a_stream_may_be_split_at_any_byte() -> None:
    stream = Stream("messages")
    chunk = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'

    assert stream.translator.feed(chunk[:20]) == []
    assert len(stream.translator.feed(chunk[20:])) == 4
    assert stream.translator.feed(b": comment\n\ndata: 5\n\ndata: {oops\n\n") == []
    rest = b'data: {"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}]}'
    assert stream.translator.feed(rest) == []
    assert [one["type"] for one in stream.end()] == [
        *("content_block_delta", "content_block_stop", "message_delta", "message_stop")
    ]


def test_a_silent_connection_is_kept_open() -> None:
    assert events([Stream("messages").translator.keep_alive()]) == [{"type": "ping"}]
    assert Stream("responses").translator.keep_alive() == b": keep-alive\n\n"


def numbered(first: int, *found: tuple[str, Json]) -> list[Json]:
    return [
        {"type": f"response.{kind}", "sequence_number": number, **fields}
        for number, (kind, fields) in enumerate(found, first)
    ]


OPENED = response(status="in_progress", usage=None)
PLACE = {"item_id": "msg_42_0", "output_index": 0}


def test_a_stream_of_responses_from_its_start_to_its_end() -> None:
    stream = Stream("responses")

    assert stream.add({"role": "assistant", "content": ""}) == numbered(
        0, ("created", {"response": OPENED}), ("in_progress", {"response": OPENED})
    )
    at = {**PLACE, "content_index": 0}
    assert stream.add({"content": "Hel"}) == numbered(
        2,
        ("output_item.added", {"output_index": 0, "item": item(status="in_progress")}),
        ("content_part.added", {**at, "part": output_text("")}),
        ("output_text.delta", {**at, "logprobs": [], "delta": "Hel"}),
    )
    assert stream.add({"content": "lo"}) == numbered(
        5, ("output_text.delta", {**at, "logprobs": [], "delta": "lo"})
    )
    stream.add({}, "stop")
    stream.add({}, usage=USAGE, choices=[])
    assert stream.end() == numbered(
        6,
        ("output_text.done", {**at, "logprobs": [], "text": "Hello"}),
        ("content_part.done", {**at, "part": output_text("Hello")}),
        ("output_item.done", {"output_index": 0, "item": item(output_text("Hello"))}),
        ("completed", {"response": response(output=[item(output_text("Hello"))])}),
    )


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("length", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_only_the_last_item_of_a_cut_response_is_incomplete(finish: str, reason: str) -> None:
    stream = Stream("responses")
    stream.add({"refusal": "no"})
    refusal = {"type": "refusal", "refusal": "no"}
    at = {**PLACE, "content_index": 0}

    assert stream.add({"content": "a"}, finish) == numbered(
        5,
        ("refusal.done", {**at, "refusal": "no"}),
        ("content_part.done", {**at, "part": refusal}),
        ("output_item.done", {"output_index": 0, "item": item(refusal)}),
        ("output_item.added", {"output_index": 1, "item": item(number=1, status="in_progress")}),
        (
            "content_part.added",
            {
                "item_id": "msg_42_1",
                "output_index": 1,
                "content_index": 0,
                "part": output_text(""),
            },
        ),
        (
            "output_text.delta",
            {
                "item_id": "msg_42_1",
                "output_index": 1,
                "content_index": 0,
                "logprobs": [],
                "delta": "a",
            },
        ),
    )
    *_, done, last = stream.end()
    cut = item(output_text("a"), number=1, status="incomplete")
    assert done["item"] == cut
    assert last == {
        "type": "response.incomplete",
        "sequence_number": 14,
        "response": response(
            status="incomplete",
            incomplete_details={"reason": reason},
            output=[item(refusal), cut],
            usage=None,
        ),
    }


def test_reasoning_is_streamed_as_a_part_or_as_a_summary() -> None:
    plain, summed = Stream("responses"), Stream("responses")
    plain.add({})
    summed.add({})
    place = {"item_id": "rs_42_0", "output_index": 0}
    at = {**place, "content_index": 0}
    summary = {"type": "reasoning.summary", "index": 0}

    assert plain.add({"reasoning": "h"}) == numbered(
        2,
        ("output_item.added", {"output_index": 0, "item": reasoning()}),
        ("content_part.added", {**at, "part": reason_text("")}),
        ("reasoning_text.delta", {**at, "delta": "h"}),
    )
    assert plain.add({"reasoning": "m"}) == numbered(
        5, ("reasoning_text.delta", {**at, "delta": "m"})
    )
    plain.add({}, "stop")
    assert plain.end()[:3] == numbered(
        6,
        ("reasoning_text.done", {**at, "text": "hm"}),
        ("content_part.done", {**at, "part": reason_text("hm")}),
        ("output_item.done", {"output_index": 0, "item": reasoning(content=[reason_text("hm")])}),
    )
    at = {**place, "summary_index": 0}
    part = {"type": "summary_text", "text": ""}
    assert summed.add({"reasoning_details": [{**summary, "summary": "h"}]}) == numbered(
        2,
        ("output_item.added", {"output_index": 0, "item": reasoning()}),
        ("reasoning_summary_part.added", {**at, "part": part}),
        ("reasoning_summary_text.delta", {**at, "delta": "h"}),
    )
    summed.add({}, "stop")
    whole = {**part, "text": "h"}
    assert summed.end()[:3] == numbered(
        5,
        ("reasoning_summary_text.done", {**at, "text": "h"}),
        ("reasoning_summary_part.done", {**at, "part": whole}),
        ("output_item.done", {"output_index": 0, "item": reasoning(summary=[whole])}),
    )


def test_encrypted_reasoning_has_no_parts() -> None:
    stream = Stream("responses", include=["reasoning.encrypted_content"])
    stream.add({})
    hidden = {"type": "reasoning.encrypted", "data": "xx", "id": "rs_1", **OPENAI}

    found = reasoning(id="rs_1", encrypted_content="xx")
    assert stream.add({"reasoning_details": [hidden]}) == numbered(
        2, ("output_item.added", {"output_index": 0, "item": found})
    )
    stream.add({}, "stop")
    assert (
        stream.end()[0] == numbered(3, ("output_item.done", {"output_index": 0, "item": found}))[0]
    )


CALL_PLACE = {"item_id": "fc_42_0", "output_index": 0}


def call_delta(arguments: str, **fields: Any) -> Json:
    function = {"arguments": arguments, **fields.pop("function", {})}
    return {"tool_calls": [{"index": 0, "function": function, **fields}]}


def test_the_arguments_of_a_call_are_streamed() -> None:
    stream = Stream("responses")
    stream.add({})

    assert stream.add(call_delta('{"a":', id="c1", function={"name": "f"})) == numbered(
        2,
        (
            "output_item.added",
            {"output_index": 0, "item": function_call(arguments="", status="in_progress")},
        ),
        ("function_call_arguments.delta", {**CALL_PLACE, "delta": '{"a":'}),
    )
    assert stream.add(call_delta("1}")) == numbered(
        4, ("function_call_arguments.delta", {**CALL_PLACE, "delta": "1}"})
    )
    stream.add({}, "tool_calls")
    assert stream.end()[:2] == numbered(
        5,
        ("function_call_arguments.done", {**CALL_PLACE, "name": "f", "arguments": '{"a":1}'}),
        ("output_item.done", {"output_index": 0, "item": function_call()}),
    )


def custom_call(given: str, status: str) -> Json:
    return {
        "id": "fc_42_0",
        "call_id": "c1",
        "type": "custom_tool_call",
        "name": "f",
        "input": given,
        "status": status,
    }


def test_the_input_of_a_custom_tool_is_sent_when_its_function_is_complete() -> None:
    stream = Stream("responses", tools=[{"type": "custom", "name": "f"}])
    stream.add({})

    assert stream.add(call_delta('{"input":', id="c1", function={"name": "f"})) == numbered(
        2, ("output_item.added", {"output_index": 0, "item": custom_call("", "in_progress")})
    )
    assert stream.add(call_delta('"ls"}')) == []
    stream.add({}, "tool_calls")
    assert stream.end()[:3] == numbered(
        3,
        ("custom_tool_call_input.delta", {**CALL_PLACE, "delta": "ls"}),
        ("custom_tool_call_input.done", {**CALL_PLACE, "input": "ls"}),
        ("output_item.done", {"output_index": 0, "item": custom_call("ls", "completed")}),
    )


def test_the_input_of_a_custom_call_is_streamed() -> None:
    stream = Stream("responses")
    stream.add({})

    def delta(given: str, **more: Any) -> Json:
        return {"tool_calls": [{"index": 0, "custom": {"input": given, **more}, "id": "c1"}]}

    assert stream.add(delta("l", name="f")) == numbered(
        2,
        ("output_item.added", {"output_index": 0, "item": custom_call("", "in_progress")}),
        ("custom_tool_call_input.delta", {**CALL_PLACE, "delta": "l"}),
    )
    assert stream.add(delta("s")) == numbered(
        4, ("custom_tool_call_input.delta", {**CALL_PLACE, "delta": "s"})
    )
    stream.add({}, "tool_calls")
    assert stream.end()[:2] == numbered(
        5,
        ("custom_tool_call_input.done", {**CALL_PLACE, "input": "ls"}),
        ("output_item.done", {"output_index": 0, "item": custom_call("ls", "completed")}),
    )


def test_a_response_that_failed_has_what_was_sent() -> None:
    stream = Stream("responses")
    stream.add({"content": "a"})
    stream.add({"tool_calls": [{"index": 0, "id": "c1", "function": {"arguments": "{"}}]})

    error = {"code": "rate_limit_exceeded", "message": "busy"}
    assert stream.add({}, error={"message": "busy", "code": 429}) == numbered(
        8,
        (
            "failed",
            {
                "response": response(
                    status="failed",
                    usage=None,
                    output=[item(output_text("a"), status="incomplete")],
                    error=error,
                )
            },
        ),
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_may_end_before_its_first_chunk(dialect: str) -> None:
    failed, empty = Stream(dialect), Stream(dialect)
    empty.translator.complete = True

    kinds = [one["type"] for one in events(failed.translator.error(RateLimited("No.")))]
    assert kinds == (
        ["error"]
        if dialect == "messages"
        else ["response.created", "response.in_progress", "response.failed"]
    )
    assert [one["type"] for one in empty.end()] == (
        ["message_start", "ping", "message_delta", "message_stop"]
        if dialect == "messages"
        else ["response.created", "response.in_progress", "response.completed"]
    )
