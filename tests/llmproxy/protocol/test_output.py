"""What is output in a chunk, which chunks need a closer look, and which choices have ended."""

from typing import Any

import pytest

from llmproxy.protocol.output import finished_choices, is_remarkable, output_characters

A = "A" * 4000


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        ({}, True),
        ({"choices": []}, True),
        ({"choices": None}, True),
        ({"choices": {"0": {}}}, True),
        ({"choices": ["x"]}, True),
        ({"choices": [{"delta": {"content": "a"}}]}, False),
        ({"choices": [{"delta": {}, "finish_reason": None}], "usage": None}, False),
        ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, True),
        ({"choices": [{"delta": {}}, {"delta": {}, "finish_reason": "stop"}]}, True),
        ({"choices": [{"delta": {}, "usage": None}]}, True),
        ({"choices": [{"delta": {}, "error": None}]}, True),
        ({"choices": [{"delta": {}}], "usage": {"prompt_tokens": 1}}, True),
        *[
            ({"choices": [{"delta": {}}], name: None}, True)
            for name in ("error", "errors", "fault", "usageMetadata", "x_groq")
        ],
    ],
)
def test_a_chunk_with_more_than_output_is_remarkable(chunk: Any, expected: bool) -> None:
    assert is_remarkable(chunk) is expected


@pytest.mark.parametrize(
    ("chunk", "indexes"),
    [
        ({}, set()),
        ({"choices": "x"}, set()),
        ({"choices": [{"index": 1}]}, set()),
        ({"choices": [{"index": 1, "finish_reason": "stop"}]}, {1}),
        ({"choices": [{"finish_reason": "stop"}]}, {0}),
        ({"choices": [{"index": "one", "finish_reason": "stop"}]}, {0}),
        (
            {"choices": ["x", {"index": 2, "finish_reason": "length"}, {"index": 3}]},
            {2},
        ),
    ],
)
def test_the_choices_that_end(chunk: Any, indexes: set[int]) -> None:
    assert finished_choices(chunk) == indexes


@pytest.mark.parametrize(
    ("choice", "characters"),
    [
        ({"text": "four"}, 4),
        ({"text": "four", "content": "three"}, 9),
        ({"text": ["four", "five"]}, 8),
        ({"delta": None, "message": None, "text": "four"}, 4),
        ({"delta": {}, "message": {"content": "four"}}, 4),
        ({"delta": {"content": "a" * 300}}, 300),
        ({"delta": {"content": ["four", {"text": "five"}]}}, 8),
        ({"delta": "four"}, 4),
        ({"delta": {"data": A}}, 4000),  # a document of 1,000 tokens
        ({"delta": {"audio": {"data": A, "format": "wav"}}}, 80),
        ({"delta": {"audio": {"data": A}}}, 4000),
        ({"delta": {"content": [{"data": A, "format": "wav"}, "four"]}}, 84),
        ({"delta": {"score": 12.5}}, 4),
        ({"delta": {"score": 12.5, "content": "four"}}, 8),
        # An image, in a text of the least length that is looked at
        ({"delta": {"content": "data:image/png;base64," + "A" * 234}}, 4000),
        ({"delta": {"content": "data:image/png;base64," + "A" * 233}}, 255),
        ({"delta": {"score": None, "safe": True, "n": 0}}, 1),
    ],
)
def test_every_field_is_output(choice: Any, characters: int) -> None:
    assert output_characters({"choices": [choice]}) == characters
    assert output_characters({"choices": [choice, "x", choice]}) == 2 * characters


@pytest.mark.parametrize(
    "name",
    [
        *("role", "id", "type", "index", "object", "status", "format", "signature"),
        *("encrypted_content", "expires_at", "created", "annotations", "logprobs"),
        *("native_finish_reason", "finish_reason", "stop_reason", "call_id", "tool_call_id"),
        *("mime_type", "media_type", "provider_specific_fields", "audio_tokens", "usage"),
    ],
)
def test_fields_that_describe_the_output_are_none(name: str) -> None:
    assert output_characters({"choices": [{"delta": {name: "words"}}]}) == 0
    assert output_characters({"choices": [{"delta": {"content": "four", name: "words"}}]}) == 4


@pytest.mark.parametrize(
    ("delta", "characters"),
    [
        ({"reasoning": "four"}, 4),
        ({"reasoning": "four", "reasoning_content": "three"}, 5),
        ({"reasoning_text": "four", "thinking": "eleven here"}, 11),
        ({"thinking_blocks": [{"thinking": "four"}], "thinking": "four"}, 4),
        ({"reasoning": "four", "reasoning_content": "four", "content": "and more"}, 12),
        ({"extra": {"reasoning": "four", "thinking": "four"}, "content": "and more"}, 12),
    ],
)
def test_reasoning_in_several_forms_counts_once(delta: Any, characters: int) -> None:
    assert output_characters({"choices": [{"delta": delta}]}) == characters
