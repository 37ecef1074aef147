"""The inputs of legacy completions and embeddings: texts, and lists of token ids."""

from typing import Any

import pytest

from core.errors import InvalidRequest
from llmproxy.protocol.estimate import PromptSize
from llmproxy.protocol.inputs import MOST_INPUTS, read, size

LARGEST_ID = 2**31 - 1


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("", [""]),
        ("text", ["text"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([0, LARGEST_ID], [[0, LARGEST_ID]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        (["a", [1]], ["a", [1]]),
        (["a"] * MOST_INPUTS, ["a"] * MOST_INPUTS),
        ([1] * (MOST_INPUTS + 1), [[1] * (MOST_INPUTS + 1)]),
    ],
)
def test_one_input_or_several(given: Any, inputs: Any) -> None:
    assert read({"prompt": given}, "prompt") == inputs


@pytest.mark.parametrize(
    "given",
    [
        *(None, 5, {}, [], [[]], [None], ["a", None], [-1], [LARGEST_ID + 1], [True], [1.5]),
        *([1, "a"], [[1, "a"]], [[True]], ["a", []], ["a"] * (MOST_INPUTS + 1)),
    ],
)
def test_anything_else_is_refused_with_the_name_of_the_field(given: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read({"input": given}, "input")

    assert caught.value.param == "input"
    assert caught.value.message == (
        "input must be a text, a list of token ids, or a list of up to 2048 of either."
    )


def test_a_token_id_is_a_token_and_a_text_is_estimated() -> None:
    assert size([[1, 2, 3], [4]]) == PromptSize(4, 4 + 16, 2)
    assert size(["a" * 100, [1]]) == PromptSize(21, 35 + 16, 2)
    assert size(["a" * 100], "a" * 100, None) == PromptSize(40, 68 + 8, 1)
