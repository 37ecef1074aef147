"""Reading what was used: the upstream's word when it makes sense, else a count."""

import json
import math
from decimal import Decimal

import orjson
import pytest

from llmproxy.usage import OutputTally, Usage, reported


def test_it_works() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "total_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 5},
        "cost": 0.00014,
    }

    assert reported(usage) == Usage(10, 20, 4, 5, Decimal("0.00014"))


def test_embeddings_have_no_completion() -> None:
    assert reported({"prompt_tokens": 8, "total_tokens": 8}) == Usage(prompt=8)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": 1, "completion_tokens": -1},
        {"prompt_tokens": "10", "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": 1.5, "completion_tokens": 1},
        {"prompt_tokens": 10**12, "completion_tokens": 1},
        {"prompt_tokens": None, "completion_tokens": 1},
        {"completion_tokens": 1},
    ],
)
def test_nonsense_is_no_report(value: object) -> None:
    assert reported(value) is None


@pytest.mark.parametrize("cost", [-1, "free", float("inf"), "NaN", [], True, 10**9])
def test_a_nonsense_cost_is_dropped(cost: object) -> None:
    assert reported({"prompt_tokens": 1, "completion_tokens": 1, "cost": cost}) == Usage(1, 1)


def test_nonsense_details_are_dropped() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": "x"}

    assert reported({**usage, "completion_tokens_details": {"reasoning_tokens": -1}}) == Usage(1, 1)


def chunk(**delta: object) -> bytes:
    return b"data: " + orjson.dumps({"choices": [{"delta": delta}]}) + b"\n\n"


def test_the_output_is_counted_at_four_characters_a_token() -> None:
    tally = OutputTally()
    tally.add(chunk(role="assistant") + chunk(content="x" * 10))
    tally.add(chunk(reasoning="y" * 6) + b": comment\n\n")
    tally.add(chunk(tool_calls=[{"function": {"name": "find", "arguments": '{"a": 1}'}}]))

    assert tally.tokens() == (10 + 6 + 4 + 8) / 4


def test_a_long_stream_is_counted_in_little_memory() -> None:
    tally = OutputTally()
    for _ in range(10_000):
        tally.add(chunk(content="four"))

    assert tally.tokens() == 10_000


TEXTS = [
    "plain",
    'a "quote"',
    "\\",
    '\\\\"',
    "line\nend\t\u2028",
    "é日本🙂",
    '"content":"no"',
    '{"a": 1}',
    '": ',
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("spaced", [False, True])
@pytest.mark.parametrize("choices", [1, 3])
def test_characters_are_counted_however_they_are_written(
    text: str, spaced: bool, choices: int
) -> None:
    delta = {"choices": [{"index": n, "delta": {"content": text}} for n in range(choices)]}
    block = b"data: " + (json.dumps(delta).encode() if spaced else orjson.dumps(delta)) + b"\n\n"
    tally = OutputTally()
    for _ in range(8):
        tally.add(block)

    assert tally.tokens() == math.ceil(len(text) * choices * 8 / 4)


def test_what_is_told_twice_is_counted_once() -> None:
    tally = OutputTally()
    tally.add(chunk(content="", reasoning="y" * 8, reasoning_details=[{"content": "y" * 8}]))

    assert tally.tokens() == 2
