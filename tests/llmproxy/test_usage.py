"""Counting what was written, where a provider does not say it."""

import pytest
from msgspec.structs import replace

from llmproxy.protocol.output import output_characters
from llmproxy.protocol.usage import Billable, OutputTally, Usage, billable

LONG_BASE64 = "iVBORw0KGgo" * 10_000


@pytest.mark.parametrize(
    ("delta", "characters"),
    [
        ({"role": "assistant", "content": ""}, 0),
        ({"role": "assistant", "content": None, "tool_calls": None}, 0),
        ({"content": "x" * 10}, 10),
        ({"text": "abc"}, 3),
        ({"refusal": "no"}, 2),
        ({"content": [{"type": "text", "text": "hello"}]}, 5),
        ({"function_call": {"name": "find", "arguments": '{"a": 1}'}}, 12),
        (
            {
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "c",
                        "type": "function",
                        "function": {"name": "find", "arguments": "{}"},
                    }
                ]
            },
            6,
        ),
        ({"tool_calls": [{"custom": {"name": "run", "input": "ls"}}]}, 5),
        ({"audio": {"id": "a1", "transcript": "hello", "expires_at": 99}}, 5),
        ({"reasoning_details": [{"type": "reasoning.text", "text": "hmm"}]}, 3),
        ({"content": "", "reasoning": "y" * 8, "reasoning_details": [{"content": "y" * 8}]}, 8),
        ({"reasoning": "abc", "reasoning_content": "abc"}, 3),
        ({"something_new": {"deep": ["words"]}}, 5),
        (
            {
                "images": [
                    {
                        "type": "image_url",
                        "image_url": {"url": f"data:image/png;base64,{LONG_BASE64}"},
                    }
                ]
            },
            4000,
        ),
    ],
)
def test_whatever_a_model_writes_is_counted(delta: dict[str, object], characters: int) -> None:
    assert output_characters({"choices": [{"index": 0, "delta": delta}]}) == characters
    assert output_characters({"choices": [{"index": 0, "message": delta}] * 2}) == 2 * characters


def test_a_legacy_completion_is_its_text() -> None:
    choice = {"text": "four", "index": 0, "logprobs": {"tokens": ["four"]}, "finish_reason": "stop"}

    assert output_characters({"choices": [choice]}) == 4


@pytest.mark.parametrize("answer", [None, {}, {"choices": None}, {"choices": ["x", None]}])
def test_an_answer_without_choices_says_nothing(answer: dict[str, object] | None) -> None:
    assert output_characters(answer) == 0


def test_the_output_is_counted_at_four_characters_a_token() -> None:
    tally = OutputTally()
    for _ in range(7):
        tally.add(4)

    assert tally.tokens() == 7


def test_an_event_without_output_is_no_token() -> None:
    """Or an answer of wide tokens, just as many as were asked for, would be cut."""
    tally = OutputTally()
    tally.add(0)
    tally.add(4_000, events=100)

    assert not tally.passes(100)


def test_no_token_is_charged_as_two_kinds() -> None:
    usage = Usage(prompt=100, completion=20, cache_read=60, cache_write=30, reasoning=5)

    assert billable(usage) == Billable(prompt=10, cache_read=60, cache_write=30, completion=20)
    assert billable(replace(usage, prompt=70)) == Billable(0, 60, 10, 20)
