"""A whole answer becomes a stream, and a stream a whole answer."""

from typing import Any

import orjson
import pytest

from llmproxy.protocol import sse
from llmproxy.protocol.answers import as_answer, as_stream, is_empty

Json = dict[str, Any]


def chunks(answer: Json) -> list[Json]:
    """Return the chunks of an answer's stream."""
    events = sse.split(as_stream(answer))
    assert events[-1] == b"data: [DONE]\n\n"
    return [orjson.loads(sse.data(event)) for event in events[:-1]]


@pytest.mark.parametrize(
    ("answer", "field", "expected"),
    [
        ({}, "data", True),
        ({"data": []}, "data", True),
        ({"data": {"a": 1}}, "data", True),
        ({"data": [{"embedding": []}]}, "data", False),
        ({"choices": []}, "choices", True),
        ({"choices": [{"message": {"content": ""}}]}, "choices", True),
        ({"choices": [{"message": {"content": "a"}}]}, "choices", False),
        ({"choices": [{"message": {}, "finish_reason": "stop"}]}, "choices", False),
    ],
)
def test_an_answer_without_content_and_end_is_empty(
    answer: Json, field: str, expected: bool
) -> None:
    assert is_empty(answer, field) is expected


def test_a_stream_has_the_content_then_the_end_then_the_usage() -> None:
    function = {"name": "f", "arguments": "{}"}
    calls: list[Any] = [{"id": "a", "function": function}, "x", {"index": 7, "id": "b"}]
    message = {"role": "assistant", "content": "hi", "tool_calls": calls}
    choice = {"index": 3, "message": message, "finish_reason": "tool_calls", "logprobs": None}
    answer = {"id": "c", "object": "chat.completion", "choices": [choice, "x"], "usage": {"a": 1}}

    rest = {"id": "c", "object": "chat.completion.chunk"}
    indexed = [{"index": 0, "id": "a", "function": function}, {"index": 7, "id": "b"}]
    delta = {"role": "assistant", "content": "hi", "tool_calls": indexed}
    assert chunks(answer) == [
        {
            **rest,
            "choices": [{"index": 3, "finish_reason": None, "logprobs": None, "delta": delta}],
        },
        {**rest, "choices": [{"index": 3, "delta": {}, "finish_reason": "tool_calls"}]},
        {**rest, "choices": [], "usage": {"a": 1}},
    ]
    assert message["tool_calls"] == calls, "the answer itself does not change"


def test_the_parts_of_several_choices_come_before_their_ends() -> None:
    answer = {"object": "text_completion", "choices": [{"index": 0, "text": "a"}, {"text": "b"}]}

    assert [one["choices"][0] for one in chunks(answer)] == [
        {"index": 0, "text": "a", "finish_reason": None},
        {"text": "b", "finish_reason": None},
        {"index": 0, "text": "", "finish_reason": "stop"},
        {"index": 0, "text": "", "finish_reason": "stop"},
    ]
    assert {one["object"] for one in chunks(answer)} == {"text_completion"}


@pytest.mark.parametrize("answer", [{}, {"choices": None}, {"choices": [], "usage": None}])
def test_an_empty_answer_is_only_the_end(answer: Json) -> None:
    assert chunks(answer) == []


def test_a_message_that_is_no_object_has_no_delta() -> None:
    answer = {"choices": [{"message": None, "finish_reason": "length"}]}

    assert [one["choices"][0] for one in chunks(answer)] == [
        {"finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "length"},
    ]


def test_chunks_become_one_answer() -> None:
    def chunk(delta: Json, **more: Any) -> Json:
        choice = {"index": 0, "delta": delta, **more}
        return {"id": "c", "object": "chat.completion.chunk", "choices": [choice], "usage": None}

    def call(index: int, **fields: Any) -> Json:
        return {"tool_calls": [{"index": index, **fields}]}

    answer = as_answer(
        [
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "Hel"}),
            chunk({"content": "lo", "role": "assistant"}),
            chunk(call(1, id="b", type="function", function={"name": "g", "arguments": "{"})),
            chunk(call(0, id="a", function={"name": "f", "arguments": "1"})),
            chunk(call(1, function={"name": "g", "arguments": "}"}, id="b", type="function")),
            chunk({"refusal": None, "score": 1}),
            chunk({"score": 2, "extra": {"a": "x"}}),
            chunk({"extra": {"a": "y", "b": [1]}}),
            chunk({"extra": {"b": [2]}}),
            chunk({}, finish_reason="tool_calls"),
            {"choices": [], "usage": {"prompt_tokens": 1}},
        ]
    )

    assert answer == {
        "id": "c",
        "object": "chat.completion",
        "usage": {"prompt_tokens": 1},
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "Hello",
                    "tool_calls": [
                        {
                            "id": "b",
                            "type": "function",
                            "function": {"name": "g", "arguments": "{}"},
                        },
                        {"id": "a", "function": {"name": "f", "arguments": "1"}},
                    ],
                    "refusal": None,
                    "score": 2,
                    "extra": {"a": "xy", "b": [1, 2]},
                },
            }
        ],
    }


def test_choices_are_put_together_by_index_in_order() -> None:
    answer = as_answer(
        [
            {"choices": [{"index": 1, "text": "b"}, {"index": 0, "text": "a"}, "x"]},
            {"choices": [{"text": "A"}, {"index": "?", "text": "!"}], "object": "text_completion"},
            {"choices": None},
        ]
    )

    assert answer == {
        "object": "text_completion",
        "choices": [
            {"index": 0, "text": "aA!", "finish_reason": "stop"},
            {"index": 1, "text": "b", "finish_reason": "stop"},
        ],
    }


def test_a_whole_message_in_a_stream_is_the_message() -> None:
    message = {"content": "hi", "tool_calls": ["x", {"index": 0, "id": "a"}, {"id": "b"}]}
    answer = as_answer([{"choices": [{"index": 0, "message": message, "finish_reason": "length"}]}])

    assert answer["choices"] == [
        {
            "index": 0,
            "finish_reason": "length",
            "message": {
                "role": "assistant",
                "content": "hi",
                "tool_calls": ["x", {"id": "a"}, {"id": "b"}],
            },
        }
    ]


def test_a_message_without_role_and_content_gets_them() -> None:
    (choice,) = as_answer([{"choices": [{"delta": {}, "message": "x"}]}])["choices"]

    assert choice["message"] == {"role": "assistant", "content": None}


def test_a_message_that_is_no_object_is_left_out() -> None:
    (choice,) = as_answer([{"choices": [{"text": "a", "message": "x", "delta": 5}]}])["choices"]

    assert choice == {"index": 0, "text": "a", "finish_reason": "stop"}


def test_a_field_that_changes_its_type_is_replaced() -> None:
    (choice,) = as_answer(
        [
            {"choices": [{"delta": {"content": None, "a": "x"}}]},
            {"choices": [{"delta": {"content": "hi", "a": {"b": "c"}}}]},
            {"choices": [{"delta": {"content": None, "a": {"b": "d"}}}]},
        ]
    )["choices"]

    assert choice["message"] == {"role": "assistant", "content": "hi", "a": {"b": "cd"}}


def test_assembling_does_not_change_the_chunks() -> None:
    first = {"choices": [{"delta": {"a": {"b": "x"}, "c": [{"index": 0, "d": "x"}]}}]}
    second = {"choices": [{"delta": {"a": {"b": "y"}, "c": [{"index": 0, "d": "y"}]}}]}

    (choice,) = as_answer([first, second])["choices"]

    assert choice["message"]["a"] == {"b": "xy"}
    assert choice["message"]["c"] == [{"index": 0, "d": "xy"}]
    assert first == {"choices": [{"delta": {"a": {"b": "x"}, "c": [{"index": 0, "d": "x"}]}}]}


def test_items_without_a_number_are_added() -> None:
    (choice,) = as_answer(
        [
            {"choices": [{"delta": {"c": ["x", {"index": 0, "d": "1"}, {"index": 1, "d": "2"}]}}]},
            {
                "choices": [
                    {"delta": {"c": ["x", {"index": 1, "d": "3"}, {"d": "4"}, {"index": "1"}]}}
                ]
            },
        ]
    )["choices"]

    assert choice["message"]["c"] == [
        *("x", {"index": 0, "d": "1"}, {"index": 1, "d": "23"}),
        *("x", {"d": "4"}, {"index": "1"}),
    ]
