"""A client's request: what is read from it, what is refused, and what a provider is sent."""

import json
from typing import Any

import pytest

from core.errors import InvalidRequest
from llmproxy.protocol import calls
from llmproxy.protocol.calls import Call, Endpoint, for_upstream, parse
from llmproxy.protocol.estimate import PromptSize
from llmproxy.protocol.inputs import size

Json = dict[str, Any]

HELLO = [{"role": "user", "content": "hello"}]
# A body that each endpoint accepts.
BODIES: dict[str, tuple[Endpoint, Json]] = {
    "chat": (calls.CHAT, {"model": "m", "messages": HELLO}),
    "completions": (calls.COMPLETIONS, {"model": "m", "prompt": "hello"}),
    "embeddings": (calls.EMBEDDINGS, {"model": "m", "input": "hello"}),
    "messages": (calls.MESSAGES, {"model": "m", "messages": HELLO, "max_tokens": 100}),
    "count_tokens": (calls.COUNT_TOKENS, {"model": "m", "messages": HELLO}),
    "responses": (calls.RESPONSES, {"model": "m", "input": "hello"}),
}


def read(name: str, **fields: Any) -> Call:
    endpoint, body = BODIES[name]
    return parse(endpoint, json.dumps({**body, **fields}).encode())


def refused(name: str, raw: bytes | None = None, **fields: Any) -> tuple[str | None, str]:
    endpoint, body = BODIES[name]
    with pytest.raises(InvalidRequest) as caught:
        parse(endpoint, json.dumps({**body, **fields}).encode() if raw is None else raw)
    return caught.value.param, caught.value.message


@pytest.mark.parametrize("name", BODIES)
def test_a_request_has_its_endpoint_body_and_model(name: str) -> None:
    endpoint, body = BODIES[name]

    call = parse(endpoint, json.dumps(body).encode())

    assert (call.endpoint, call.body, call.model) == (endpoint, body, "m")
    assert (call.stream, call.choices, call.drafts, call.echoed) == (False, 1, 1, 0)
    assert (call.omitted, call.headers) == ((), ())
    assert json.loads(call.encode(call.body)) == body


@pytest.mark.parametrize(
    ("name", "path", "kind", "dialect"),
    [
        ("chat", "chat/completions", "chat", "chat"),
        ("completions", "completions", "chat", "chat"),
        ("embeddings", "embeddings", "embedding", "chat"),
        ("messages", "messages", "chat", "messages"),
        ("count_tokens", "messages/count_tokens", "chat", "messages"),
        ("responses", "responses", "chat", "responses"),
    ],
)
def test_the_endpoints(name: str, path: str, kind: str, dialect: str) -> None:
    endpoint = BODIES[name][0]

    assert (endpoint.path, endpoint.kind, endpoint.dialect) == (path, kind, dialect)


@pytest.mark.parametrize("name", [name for name in BODIES if name != "embeddings"])
@pytest.mark.parametrize(("given", "stream"), [(True, True), (False, False), (None, False)])
def test_a_stream_is_asked_for(name: str, given: bool | None, stream: bool) -> None:
    assert read(name, stream=given).stream is stream


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, False),
        ({"stream_options": None}, False),
        ({"stream_options": {}}, False),
        ({"stream_options": {"include_usage": True}}, True),
        ({"stream_options": {"include_usage": False}}, False),
        ({"stream_options": {"include_usage": 1}}, False),
        ({"usage": {"include": True}}, True),
        ({"usage": {"include": 1}}, False),
        ({"usage": True}, False),
    ],
)
def test_usage_in_a_stream_is_wanted_by_either_name(fields: Json, wanted: bool) -> None:
    assert read("chat", **fields).wants_usage is wanted
    assert read("completions", **fields).wants_usage is wanted


@pytest.mark.parametrize("name", ["messages", "count_tokens", "responses"])
def test_other_dialects_always_have_usage(name: str) -> None:
    assert read(name).wants_usage


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("chat", {}, (1, 1, None)),
        ("chat", {"n": None, "max_tokens": None}, (1, 1, None)),
        ("chat", {"n": 3}, (3, 3, None)),
        ("chat", {"n": 128}, (128, 128, None)),
        ("chat", {"max_tokens": 1}, (1, 1, 1)),
        ("chat", {"max_completion_tokens": 7}, (1, 1, 7)),
        ("chat", {"max_completion_tokens": 7, "max_tokens": 5}, (1, 1, 5)),
        ("chat", {"max_tokens": 2**53}, (1, 1, 2**53)),
        ("completions", {}, (1, 1, 16)),
        ("completions", {"max_tokens": 0}, (1, 1, 0)),
        ("completions", {"max_tokens": 9}, (1, 1, 9)),
        ("completions", {"n": 3}, (3, 3, 16)),
        ("completions", {"n": 128}, (128, 128, 16)),
        ("completions", {"best_of": 20}, (1, 20, 16)),
        ("completions", {"n": 3, "best_of": 2}, (3, 3, 16)),
        ("completions", {"n": 2, "best_of": 5, "prompt": ["a", "b"]}, (4, 10, 16)),
        ("embeddings", {}, (1, 1, 0)),
        ("embeddings", {"input": ["a", "b"]}, (1, 1, 0)),
        ("messages", {}, (1, 1, 100)),
        ("count_tokens", {}, (1, 1, None)),
        ("count_tokens", {"max_tokens": 5}, (1, 1, None)),
        ("responses", {}, (1, 1, None)),
        ("responses", {"max_output_tokens": 5}, (1, 1, 5)),
    ],
)
def test_choices_drafts_and_the_limit_of_the_output(
    name: str, fields: Json, expected: tuple[int, int, int | None]
) -> None:
    call = read(name, **fields)

    assert (call.choices, call.drafts, call.max_output) == expected


def test_an_echo_repeats_the_prompt_in_each_choice() -> None:
    prompt = "a" * 100  # 20 tokens

    assert read("completions", prompt=prompt, echo=True).echoed == 20
    assert read("completions", prompt=prompt, echo=True, n=3).echoed == 60
    assert read("completions", prompt=prompt, echo=False).echoed == 0


def test_prompts_are_measured() -> None:
    long = "a" * 100

    assert read("completions", prompt=[[1, 2], [3]]).prompt == PromptSize(3, 3 + 16, 2)
    assert read("completions", prompt=long, suffix=long).prompt == size([long], long)
    assert read("embeddings", input=[long, "b"]).prompt == size([long, "b"])
    more = {"tools": [{"type": "function", "function": {"name": "f", "description": long}}]}
    assert read("chat", **more).prompt.likely - read("chat").prompt.likely > 20


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("messages", ("system", "messages", "tools", "output_config", "output_format")),
        ("count_tokens", ("system", "messages", "tools", "output_config", "output_format")),
        ("responses", ("instructions", "input", "tools", "text")),
    ],
)
def test_the_fields_that_the_model_reads_are_measured(name: str, fields: tuple[str, ...]) -> None:
    for field in fields:
        longer = [{"role": "user", "content": "a" * 1000}]
        assert read(name, **{field: longer}).prompt.likely >= 200, field
    assert read(name, user="a" * 1000).prompt == read(name).prompt


def test_hosted_tools_beside_others_are_left_out() -> None:
    own = {"name": "look", "input_schema": {}}
    search = {"type": "web_search_20250305", "name": "web_search"}

    call = read("messages", tools=[search, own])

    assert (call.body["tools"], call.omitted) == ([own], ("tools.0",))
    assert read("chat", tools=[search, own]).omitted == ()


NO_INPUTS: list[Any] = [None, "", [], {}, 5]
LIST_OF_OBJECTS = "messages must be a non-empty list of objects."


@pytest.mark.parametrize(
    ("name", "fields", "param", "message"),
    [
        ("chat", {"model": None}, "model", "model is required: send a string."),
        ("chat", {"model": 5}, "model", "model has the wrong type: send a string."),
        ("chat", {"stream": "yes"}, "stream", "stream has the wrong type: send true or false."),
        (
            "chat",
            {"stream_options": []},
            "stream_options",
            "stream_options has the wrong type: send an object.",
        ),
        ("chat", {"messages": None}, "messages", "messages is required: send a list."),
        ("chat", {"messages": "hi"}, "messages", "messages has the wrong type: send a list."),
        ("chat", {"messages": []}, "messages", LIST_OF_OBJECTS),
        ("chat", {"messages": [*HELLO, "hi"]}, "messages", LIST_OF_OBJECTS),
        ("messages", {"messages": []}, "messages", LIST_OF_OBJECTS),
        ("count_tokens", {"messages": ["hi"]}, "messages", LIST_OF_OBJECTS),
        *[
            ("chat", {"n": value}, "n", "n must be a whole number from 1 to 128.")
            for value in (0, 129, -1, "3", 1.5, True)
        ],
        (
            "chat",
            {"max_tokens": 0},
            "max_tokens",
            "max_tokens must be a whole number from 1 to 9007199254740992.",
        ),
        (
            "chat",
            {"max_completion_tokens": 2**53 + 1},
            "max_completion_tokens",
            "max_completion_tokens must be a whole number from 1 to 9007199254740992.",
        ),
        ("completions", {"n": 129}, "n", "n must be a whole number from 1 to 128."),
        ("completions", {"best_of": 21}, "best_of", "best_of must be a whole number from 1 to 20."),
        (
            "completions",
            {"max_tokens": -1},
            "max_tokens",
            "max_tokens must be a whole number from 0 to 9007199254740992.",
        ),
        ("completions", {"suffix": 5}, "suffix", "suffix has the wrong type: send a string."),
        ("completions", {"echo": 5}, "echo", "echo has the wrong type: send true or false."),
        (
            "completions",
            {"prompt": 5},
            "prompt",
            "prompt must be a text, a list of token ids, or a list of up to 2048 of either.",
        ),
        (
            "embeddings",
            {"input": None},
            "input",
            "input must be a text, a list of token ids, or a list of up to 2048 of either.",
        ),
        ("embeddings", {"stream": True}, "stream", "Embeddings cannot be streamed."),
        (
            "messages",
            {"max_tokens": None},
            "max_tokens",
            "max_tokens is required: send a whole number.",
        ),
        *[
            (
                "responses",
                {"input": value},
                "input",
                "input is required: send a string or a list of items.",
            )
            for value in NO_INPUTS
        ],
        (
            "responses",
            {"store": True},
            "store",
            (
                "store: responses are not stored: send the whole conversation in input with every"
                " request."
            ),
        ),
        (
            "chat",
            {"models": None},
            "models",
            "models is not supported: send one model in `model`.",
        ),
    ],
)
def test_an_invalid_field_is_named(name: str, fields: Json, param: str, message: str) -> None:
    assert refused(name, **fields) == (param, message)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"[]", "The body must be a JSON object."),
        (b"[" * 100_000 + b"]" * 100_000, "The body is not valid JSON: "),
        (b'{"a":' * 1000 + b"1" + b"}" * 1000, "The body is nested too deeply."),
        (b'{"a":' * 255 + b"1" + b"}" * 255, "The body is nested too deeply."),
        (b'{"a":' * 2 + b"[" * 253 + b"]" * 253 + b"}" * 2, "The body is nested too deeply."),
        (b'{"a":12345678901234567890,"b":"\\ud800"}', "The body is not valid JSON: "),
        (b"{", "The body is not valid JSON: "),
        (b'{"model": NaN}', "The body is not valid JSON: "),
        (b'{"model": 12345678901234567890, "a": NaN}', "The body is not valid JSON: "),
    ],
)
def test_a_body_is_an_object_in_json(raw: bytes, message: str) -> None:
    param, told = refused("chat", raw)

    assert param is None
    assert told.startswith(message)
    assert told.endswith(".")
    assert "None" not in told


@pytest.mark.parametrize(
    ("name", "limit", "raw"),
    [
        ("_MOST_PARTS", 5, b'{"model":"m","messages":[{}],"a":%b}'),
        ("_MOST_COMMAS", 4, b'{"model":"m","messages":[{}],"a":[%b]}'),
    ],
)
def test_a_small_body_may_not_become_a_large_object(
    monkeypatch: pytest.MonkeyPatch, name: str, limit: int, raw: bytes
) -> None:
    monkeypatch.setattr(calls, name, limit)
    few, many = (b"[{}]", b"[{},{}]") if name == "_MOST_PARTS" else (b"1,2,3", b"1,2,3,4")

    assert parse(calls.CHAT, raw % few).model == "m"
    assert refused("chat", raw % many) == (None, "The body has too many parts.")


LONG = b'{"model":"m","messages":[{}],"seed":12345678901234567890,"a":"\xc3\xbc"}'


def test_long_numbers_are_kept() -> None:
    call = parse(calls.CHAT, LONG)

    assert call.body["seed"] == 12345678901234567890
    assert call.encode(call.body) == LONG


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("1234567890123456789", 1234567890123456789),
        ("9999999999999999999", 9999999999999999999),
        ("99999999999999999999", 99999999999999999999),
        ("1000000000000000000000", 1000000000000000000000),
    ],
)
def test_integers_of_19_digits_and_more_are_exact(number: str, kept: int) -> None:
    call = parse(calls.CHAT, b'{"model":"m","messages":[{}],"seed":%b}' % number.encode())

    assert call.body["seed"] == kept
    assert json.loads(call.encode(call.body))["seed"] == kept


def test_a_long_number_allows_fewer_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_MOST_COMMAS_BESIDE_LONG", 3)

    assert parse(calls.CHAT, LONG).model == "m"
    monkeypatch.setattr(calls, "_MOST_COMMAS_BESIDE_LONG", 2)
    assert refused("chat", LONG) == (
        None,
        "The body has too many parts for one with such a long number.",
    )


def test_a_large_body_is_parsed_elsewhere() -> None:
    assert not calls.is_large(b"x" * 200_000)
    assert calls.is_large(b"x" * 200_001)


def sent(name: str, max_output: int = 100, limit: str = "max_tokens", **fields: Any) -> Json:
    call = read(name, **fields)
    body: Json = json.loads(for_upstream(call, model="theirs", max_output=max_output, limit=limit))
    assert body.pop("model") == "theirs"
    return body


@pytest.mark.parametrize(
    ("name", "fields", "added"),
    [
        ("chat", {}, {"max_tokens": 100}),
        ("chat", {"max_tokens": None}, {"max_tokens": 100}),
        ("chat", {"max_tokens": 7}, {"max_tokens": 7}),
        ("chat", {"max_tokens": 700}, {"max_tokens": 100}),
        ("chat", {"max_completion_tokens": 700}, {"max_completion_tokens": 100}),
        (
            "chat",
            {"max_completion_tokens": 7, "max_tokens": 700},
            {"max_completion_tokens": 7, "max_tokens": 100},
        ),
        ("completions", {}, {"max_tokens": 100}),
        ("completions", {"max_tokens": 7}, {"max_tokens": 7}),
        ("embeddings", {}, {}),
        ("messages", {}, {"max_tokens": 100}),
        ("responses", {}, {"max_output_tokens": 100}),
        ("responses", {"max_output_tokens": 7}, {"max_output_tokens": 7}),
        ("chat", {"x": {"y": 1}}, {"max_tokens": 100, "x": {"y": 1}}),
    ],
)
def test_a_provider_is_sent_the_body_with_a_limit_of_the_output(
    name: str, fields: Json, added: Json
) -> None:
    body = {key: value for key, value in BODIES[name][1].items() if key != "model"}

    assert sent(name, **fields) == {**body, **added}


def test_our_limit_has_the_name_that_the_provider_knows() -> None:
    limit = "max_completion_tokens"
    body = json.loads(for_upstream(read("chat"), model="theirs", max_output=100))

    assert body == sent("chat") | {"model": "theirs"}
    assert sent("chat", limit="another_name") == sent("chat")

    assert sent("chat", limit=limit)[limit] == 100
    assert "max_tokens" not in sent("chat", limit=limit)
    assert sent("chat", limit=limit, max_tokens=7)["max_tokens"] == 7
    assert sent("responses", limit=limit)["max_output_tokens"] == 100


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"stream": True}, {"include_usage": True}),
        ({"stream": True, "stream_options": None}, {"include_usage": True}),
        (
            {"stream": True, "stream_options": {"include_usage": False, "a": 1}},
            {"include_usage": True, "a": 1},
        ),
        ({"stream": False}, None),
        ({"stream_options": {"a": 1}}, {"a": 1}),
    ],
)
def test_usage_is_asked_for_in_every_stream_of_chat(fields: Json, options: Json | None) -> None:
    assert sent("chat", **fields).get("stream_options") == options
    assert "stream_options" not in sent("messages", stream=True)
    assert "stream_options" not in sent("responses", stream=True)


@pytest.mark.parametrize(
    ("name", "field", "budget", "max_output", "expected"),
    [
        # Below the output's new limit, it stays; at or above it, it becomes three quarters.
        ("thinking", "budget_tokens", 3999, 4000, {"budget_tokens": 3999}),
        ("thinking", "budget_tokens", 4000, 4000, {"budget_tokens": 3000}),
        ("thinking", "budget_tokens", 9000, 4001, {"budget_tokens": 3000}),
        # Anthropic's least is 1,024.
        ("thinking", "budget_tokens", 9000, 1300, {"budget_tokens": 1024}),
        ("thinking", "budget_tokens", 9000, 1025, {"budget_tokens": 1024}),
        ("reasoning", "max_tokens", 9000, 4000, {"max_tokens": 3000}),
        ("reasoning", "max_tokens", 9000, 1024, {"effort": "low"}),
    ],
)
def test_a_thinking_budget_stays_below_a_lowered_limit(
    name: str, field: str, budget: int, max_output: int, expected: Json
) -> None:
    given = {"x": 1, field: budget}

    more: Json = {name: given}
    body = sent("messages", max_output, max_tokens=20_000, **more)

    assert body[name] == {"x": 1, **expected}


def test_thinking_that_does_not_fit_is_switched_off() -> None:
    given = {"type": "enabled", "budget_tokens": 9000}

    body = sent("messages", 1024, max_tokens=20_000, thinking=given)

    assert body["thinking"] == {"type": "disabled"}


@pytest.mark.parametrize(
    "thinking", ["enabled", None, {"type": "adaptive"}, {"budget_tokens": "many"}]
)
def test_thinking_without_a_budget_stays(thinking: Any) -> None:
    reasoning = {"max_tokens": 9000}

    body = sent("messages", 2000, max_tokens=20_000, thinking=thinking, reasoning=reasoning)

    assert body["thinking"] == thinking
    assert body["reasoning"] == {"max_tokens": 1500}


def test_a_thinking_budget_stays_if_the_limit_does() -> None:
    given = {"type": "enabled", "budget_tokens": 9000}

    assert sent("messages", 2000, max_tokens=2000, thinking=given)["thinking"] == given
