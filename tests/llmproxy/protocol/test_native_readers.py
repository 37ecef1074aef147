"""Usage, output, end and errors of native answers; and the events that we add to them."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from core.errors import ApiError, RateLimited
from llmproxy.protocol.dialects import DIALECTS
from llmproxy.protocol.dialects.base import NativeReader, upstream_error
from llmproxy.protocol.reports import Report

Json = dict[str, Any]


def reader(dialect: str, *payloads: Json) -> NativeReader:
    made = DIALECTS[dialect].native_reader()
    for payload in payloads:
        made.add(payload)
    return made


def events(written: bytes) -> list[Json]:
    """Return the events, whose names must be their types."""
    found = []
    for raw in written.decode().split("\n\n")[:-1]:
        name, data = raw.split("\n")
        payload = json.loads(data.removeprefix("data: "))
        assert name == f"event: {payload['type']}"
        found.append(payload)
    return found


def chat_usage(
    prompt: int = 0, completion: int = 0, read: int = 0, written: int = 0, reasoning: int = 0
) -> Json:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def state(found: NativeReader) -> tuple[int, bool, bool, Json | None]:
    return found.characters, found.stopped, found.finished, found.failed


ANTHROPICS = {
    "input_tokens": 5,
    "cache_read_input_tokens": 30,
    "cache_creation_input_tokens": 200,
    "output_tokens": 7,
    "output_tokens_details": {"thinking_tokens": 4},
}
OPENAIS = {
    "input_tokens": 235,
    "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 200},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 4},
}
USED = chat_usage(235, 7, 30, 200, 4)
REPORTED = Report(235, 7, 242, cache_read=30, cache_write=200, reasoning=4)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_known_at_first(dialect: str) -> None:
    found = reader(dialect)

    assert state(found) == (0, False, False, None)
    assert (found.usage, found.report) == (None, None)


# Messages


def message(**fields: Any) -> Json:
    return {"type": "message", "content": [], "stop_reason": None, **fields}


def test_the_prompt_of_a_message_includes_its_cache() -> None:
    found = reader("messages", message(usage=ANTHROPICS))

    assert (found.usage, found.report) == (USED, REPORTED)


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"input_tokens": 5, "output_tokens": 7}, chat_usage(5, 7)),
        ({"input_tokens": 5, "cost": 0.5}, chat_usage(5) | {"cost": 0.5}),
        (
            {"input_tokens": 5, "cost_details": {"a": 1}},
            chat_usage(5) | {"cost_details": {"a": 1}},
        ),
        ({"input_tokens": None}, None),
        ({}, None),
        ({"input_tokens": True, "output_tokens": -1, "cost": 1}, chat_usage() | {"cost": 1}),
    ],
)
def test_missing_figures_are_nothing(usage: Json, expected: Json | None) -> None:
    assert reader("messages", message(usage=usage)).usage == expected


@pytest.mark.parametrize(
    ("content", "characters"),
    [
        ([{"type": "text", "text": "four"}], 4),
        ([{"type": "thinking", "thinking": "four", "signature": "is none"}], 4),
        ([{"type": "tool_use", "name": "look", "input": {"a": 1}}], 4 + len('{"a":1}')),
        ([{"type": "tool_use", "name": "look", "input": {}}], 4),
        ([{"type": "tool_use", "name": "look", "input": "text"}], 4),
        ([{"type": "text", "text": "four"}, "x", {"type": "text", "text": 5}], 4),
        ("four", 0),
        (None, 0),
    ],
)
def test_the_output_of_a_whole_message(content: Any, characters: int) -> None:
    found = reader("messages", message(content=content))

    assert state(found) == (characters, bool(characters), bool(characters), None)


def test_a_message_without_output_has_ended_if_it_says_why() -> None:
    assert state(reader("messages", message(stop_reason="refusal"))) == (0, True, True, None)


def start(usage: Json) -> Json:
    return {"type": "message_start", "message": {"usage": usage}}


def test_a_stream_has_its_prompt_first_and_its_usage_last() -> None:
    found = reader("messages", start({**ANTHROPICS, "output_tokens": 1}))

    assert (found.usage, found.report) == (None, Report(prompt=235))
    found.add({"type": "message_delta", "usage": {"output_tokens": 7, "input_tokens": None}})
    assert (found.usage, found.report) == (USED, REPORTED)
    assert state(found) == (0, True, False, None)
    found.add({"type": "message_stop"})
    assert state(found) == (0, True, True, None)


def test_the_figures_of_the_last_event_replace_the_first_ones() -> None:
    found = reader("messages", start(ANTHROPICS))
    found.add({"type": "message_delta", "usage": {"input_tokens": 9, "output_tokens": 8}})

    assert found.usage == chat_usage(239, 8, 30, 200, 4)


def test_a_start_without_figures_is_no_report() -> None:
    assert reader("messages", start({"output_tokens": 1})).report is None
    assert reader("messages", start({})).report is None
    assert reader("messages", start({"input_tokens": 1})).report == Report(prompt=1)


def test_an_end_without_usage_leaves_it_unknown() -> None:
    found = reader("messages", start(ANTHROPICS), {"type": "message_delta", "delta": {}})

    assert (found.usage, found.report) == (None, Report(prompt=235))
    assert found.stopped


def delta(**fields: Any) -> Json:
    return {"type": "content_block_delta", "index": 0, "delta": fields}


def block(**fields: Any) -> Json:
    return {"type": "content_block_start", "index": 3, "content_block": fields}


@pytest.mark.parametrize(
    ("event", "characters", "is_more"),
    [
        (delta(text="four"), 4, False),
        (delta(thinking="four"), 4, False),
        (delta(partial_json="four"), 4, False),
        (delta(text="four", thinking="three"), 9, False),
        (delta(signature="four"), 0, False),
        (delta(text=5), 0, False),
        (block(type="text", text="four"), 4, False),
        (block(type="tool_use", name="look", input={}), 4, False),
        ({"type": "content_block_stop", "index": 3}, 0, True),
        (start({}), 0, True),
        ({"type": "ping"}, 0, True),
        ({"type": "message_stop"}, 0, True),
    ],
)
def test_the_output_of_an_event(event: Json, characters: int, is_more: bool) -> None:
    found = DIALECTS["messages"].native_reader()

    assert found.add(event) is is_more
    assert found.characters == characters
    found.add(event)
    assert found.characters == 2 * characters


@pytest.mark.parametrize(
    ("event", "failed"),
    [
        ({"type": "error", "error": {"message": "busy"}}, {"message": "busy"}),
        ({"type": "error", "message": "busy"}, {"type": "error", "message": "busy"}),
        ({"error": {"message": "busy"}}, {"message": "busy"}),
        ({"error": "busy"}, {"error": "busy"}),
        ({"type": "ping", "error": None}, None),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_error_within_a_stream(dialect: str, event: Json, failed: Json | None) -> None:
    found = reader(dialect, event)

    assert (found.failed, found.finished) == (failed, False)


def cut(output_tokens: int) -> Json:
    delta = {"stop_reason": "max_tokens", "stop_sequence": None}
    return {"type": "message_delta", "delta": delta, "usage": {"output_tokens": output_tokens}}


def test_a_message_is_cut_short_after_its_open_block() -> None:
    found = reader("messages", start(ANTHROPICS), block(type="text", text=""))

    assert events(found.cut_short()) == [{"type": "content_block_stop", "index": 3}, cut(7)]
    found.add({"type": "content_block_stop", "index": 3})
    assert events(found.cut_short()) == [cut(7)]
    assert events(found.last_event()) == [{"type": "message_stop"}]
    assert events(reader("messages").cut_short()) == [cut(0)]


def test_an_error_ends_a_stream_of_messages() -> None:
    error = RateLimited("Slow down.", retry_after=3)

    for written in (
        reader("messages").failure(error, "req_1"),
        DIALECTS["messages"].failure(error, "req_1"),
    ):
        assert events(written) == [DIALECTS["messages"].error_body(error, "req_1")]


# Responses


def response(**fields: Any) -> Json:
    return {"object": "response", "status": "completed", "output": [], **fields}


@pytest.mark.parametrize("usage", [OPENAIS, {**OPENAIS, "total_tokens": 242}])
def test_the_usage_of_a_response(usage: Json) -> None:
    found = reader("responses", response(usage=usage))

    assert found.usage == USED
    assert found.report == replace(REPORTED, total=usage.get("total_tokens"))


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({}, None),
        (None, None),
        ({"input_tokens": 5}, chat_usage(5)),
        ({"output_tokens": 7, "cost": 0.5}, chat_usage(0, 7) | {"cost": 0.5}),
        (
            {"output_tokens": 7, "cost_details": {"a": 1}},
            chat_usage(0, 7) | {"cost_details": {"a": 1}},
        ),
    ],
)
def test_missing_figures_of_a_response(usage: Any, expected: Json | None) -> None:
    assert reader("responses", response(usage=usage)).usage == expected


@pytest.mark.parametrize(
    ("item", "characters"),
    [
        ({"type": "message", "content": [{"type": "output_text", "text": "four"}]}, 4),
        ({"type": "message", "content": [{"type": "refusal", "refusal": "four"}]}, 4),
        ({"type": "message", "content": [{"text": "four"}, {"text": "three"}, "x"]}, 9),
        ({"type": "message", "content": [{"text": 5, "refusal": "four"}]}, 0),
        ({"type": "message", "content": "four"}, 0),
        ({"type": "reasoning", "summary": [{"text": "four"}], "content": [{"text": "abc"}]}, 7),
        ({"type": "function_call", "name": "look", "arguments": "{}", "call_id": "c"}, 6),
        ({"type": "custom_tool_call", "name": "run", "input": "ls"}, 5),
        ({"type": "function_call", "name": None, "arguments": {}}, 0),
        ("x", 0),
    ],
)
def test_the_output_of_a_whole_response(item: Any, characters: int) -> None:
    assert state(reader("responses", response(output=[item]))) == (characters, True, True, None)
    found = reader("responses", response(output=[item, "x", item]))
    assert found.characters == 2 * characters


def test_a_response_without_a_list_of_items_has_no_output() -> None:
    assert reader("responses", response(output="x")).characters == 0


@pytest.mark.parametrize(
    ("payload", "ended", "failed"),
    [
        (response(), True, None),
        (response(status="incomplete"), True, None),
        (response(status=None), False, None),
        (response(status="failed", error={"message": "m"}), False, {"message": "m"}),
        (response(status="failed"), False, {}),
        *[
            ({"type": kind, "response": {"status": "completed"}}, True, None)
            for kind in ("response.completed", "response.incomplete", "response.failed")
        ],
        (
            {"type": "response.failed", "response": {"status": "failed", "error": {"code": "c"}}},
            False,
            {"code": "c"},
        ),
        ({"type": "response.completed"}, False, None),
        ({"type": "response.created", "response": {"status": "in_progress"}}, False, None),
    ],
)
def test_the_end_of_a_response(payload: Json, ended: bool, failed: Json | None) -> None:
    found = reader("responses", payload)

    assert (found.stopped, found.finished, found.failed) == (ended, ended, failed)


def test_the_usage_comes_with_the_last_event() -> None:
    found = reader("responses", {"type": "response.created", "response": {"usage": OPENAIS}})

    assert found.usage is None
    found.add({"type": "response.completed", "response": {"status": "completed", "usage": OPENAIS}})
    assert found.usage == USED


@pytest.mark.parametrize(
    ("event", "characters", "is_more"),
    [
        ({"type": "response.output_text.delta", "delta": "four"}, 4, False),
        ({"type": "anything", "delta": "four"}, 4, False),
        ({"type": "anything", "delta": {}}, 0, False),
        ({"type": "response.output_item.added", "item": {"name": "look"}}, 4, False),
        ({"type": "response.output_item.added", "item": {"name": 5}}, 0, False),
        ({"type": "response.output_item.added"}, 0, False),
        ({"type": "response.output_item.done", "item": {"name": "look"}}, 0, False),
        ({"type": "response.created", "response": {}}, 0, True),
        ({"type": "response.in_progress", "response": {}}, 0, True),
        ({"type": "response.completed", "response": {}}, 0, True),
        ({"type": "error"}, 0, True),
        ({"error": "busy"}, 0, True),
        ({"object": "response"}, 0, True),
    ],
)
def test_the_output_of_an_event_of_responses(event: Json, characters: int, is_more: bool) -> None:
    found = DIALECTS["responses"].native_reader()

    assert found.add(event) is is_more
    assert found.characters == characters
    found.add(event)
    assert found.characters == 2 * characters


OPENED = {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}


@pytest.mark.parametrize("kind", ["response.created", "response.in_progress"])
def test_the_last_event_has_the_response_and_the_next_number(kind: str) -> None:
    found = reader(
        "responses",
        {"type": kind, "response": OPENED, "sequence_number": 0},
        {"type": "response.output_text.delta", "delta": "a", "sequence_number": 4},
        {"type": "response.output_text.delta", "delta": "a"},
    )

    completed = {"status": "completed", "incomplete_details": None}
    assert events(found.last_event()) == [
        {
            "type": "response.completed",
            "sequence_number": 5,
            "response": {**OPENED, **completed},
        }
    ]


def test_a_response_that_is_cut_short_is_incomplete() -> None:
    found = reader("responses", {"type": "response.created", "response": OPENED})

    assert found.cut_short() == b""
    details = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert events(found.last_event()) == [
        {"type": "response.incomplete", "sequence_number": 0, "response": {**OPENED, **details}}
    ]


def test_an_error_ends_a_stream_of_responses() -> None:
    error = RateLimited("Slow down.", retry_after=3)
    told = {"code": "rate_limit_exceeded", "message": "Slow down.", **error.facts}

    def failed(number: int, opened: Json) -> list[Json]:
        ended = {**opened, "status": "failed", "error": told}
        return [{"type": "response.failed", "sequence_number": number, "response": ended}]

    nothing: Json = {"object": "response", "output": []}
    found = reader("responses", {"response": OPENED, "type": "response.created"})
    assert events(found.failure(error, "req_1")) == failed(0, OPENED)
    assert events(DIALECTS["responses"].failure(error, "req_1")) == failed(0, nothing)
    found = reader("responses", {"type": "x", "sequence_number": "many"})
    assert events(found.failure(error, None)) == failed(0, nothing)


# Errors


class Refused(ApiError):
    status = 400
    code = "refused"
    message = "Refused."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (499, "invalid_request_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_anthropics_type_of_an_error(status: int, kind: str) -> None:
    error = Refused()
    error.status = status

    assert DIALECTS["messages"].error_body(error, "req_1") == {
        "type": "error",
        "error": {"type": kind, "message": "Refused.", "code": "refused"},
        "request_id": "req_1",
    }


def test_an_error_of_messages_has_the_field_and_the_facts() -> None:
    error = Refused("No.", param="tools", retry_after=3)

    assert DIALECTS["messages"].error_body(error, None) == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "No.",
            "code": "refused",
            "param": "tools",
            "retry_after": 3,
        },
        "request_id": None,
    }


def test_an_error_of_responses_is_openais() -> None:
    error = Refused()

    assert DIALECTS["responses"].error_body(error, "req_1") == error.body("req_1")
    assert error.body("req_1")["error"]["request_id"] == "req_1"


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (402, "insufficient_tokens", "insufficient_quota"),
        (429, "rate_limited", "rate_limit_exceeded"),
        (400, "invalid_request", "invalid_prompt"),
        (400, "context_length_exceeded", "context_length_exceeded"),
        (500, "internal_error", "server_error"),
        (404, "not_found", "server_error"),
    ],
)
def test_openais_code_of_a_failed_response(status: int, code: str, told: str) -> None:
    error = Refused()
    error.status, error.code = status, code

    (event,) = events(DIALECTS["responses"].failure(error, None))

    assert event["response"]["error"] == {"code": told, "message": "Refused."}


@pytest.mark.parametrize(
    ("code", "status"), [(400, 400), (599, 599), (399, 502), (600, 502), ("429", 502), (None, 502)]
)
def test_an_error_of_an_upstream_may_have_a_status(code: Any, status: int) -> None:
    error = upstream_error({"message": "busy", "code": code})

    assert (error.status, error.code, error.message) == (status, "upstream_error", "busy")
