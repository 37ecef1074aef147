"""What providers report as used, in every dialect, and what is made of it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmproxy.protocol.reports import merged, read, report_in, usage_of
from llmproxy.protocol.usage import Usage

PROMPT, COMPLETION = 11, 7  # as counted here
ODD: list[Any] = [-1, "free", float("inf"), "NaN", [], True, 10**9]


def charged(usage: dict[str, Any], *, writes: bool = True) -> Usage | None:
    report = read(usage)
    if report is None:
        return None
    return usage_of(report, prompt=PROMPT, completion=COMPLETION, writes=writes)


@pytest.mark.parametrize(
    ("usage", "prompt", "completion", "estimated"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 30}, 10, 20, ""),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, 0, 0, ""),
        ({"prompt_tokens": "10", "completion_tokens": "20"}, 10, 20, ""),
        ({"prompt_tokens": 10.0, "completion_tokens": "20.0"}, 10, 20, ""),
        ({"input_tokens": 10, "output_tokens": 20}, 10, 20, ""),
        ({"promptTokenCount": 10, "candidatesTokenCount": 20, "totalTokenCount": 30}, 10, 20, ""),
        # The total decides.
        (
            {"prompt_tokens": 10120, "completion_tokens": 1499, "total_tokens": 14428},
            10120,
            4308,
            "",
        ),
        ({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 450}, 100, 350, ""),
        ({"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 20}, 100, 50, ""),
        ({"prompt_tokens": 100, "total_tokens": 150}, 100, 50, ""),
        ({"completion_tokens": 50, "total_tokens": 150}, 100, 50, ""),
        # What is missing is counted here.
        ({"prompt_tokens": 1000, "completion_tokens": None}, 1000, COMPLETION, "completion"),
        ({"prompt_tokens": 1000}, 1000, COMPLETION, "completion"),
        ({"completion_tokens": 1}, PROMPT, 1, "prompt"),
        ({"total_tokens": 1050}, 1050 - COMPLETION, COMPLETION, "completion prompt"),
        ({"total_tokens": 3}, 0, 3, "completion prompt"),
        ({"prompt_tokens": 5, "completion_tokens": -1}, 5, COMPLETION, "completion"),
        ({"prompt_tokens": True, "completion_tokens": 4}, PROMPT, 4, "prompt"),
        ({"prompt_tokens": 1.5, "completion_tokens": 4}, PROMPT, 4, "prompt"),
        ({"prompt_tokens": 10**12, "completion_tokens": 4}, PROMPT, 4, "prompt"),
        # Reasoning that is more than all output cannot be a part of it.
        ({"prompt_tokens": 5, "completion_tokens": 4, "reasoning_tokens": 9}, 5, 13, ""),
        # The cache beside the prompt, as Anthropic counts it.
        ({"input_tokens": 5, "cache_read_input_tokens": 3, "output_tokens": 4}, 8, 4, ""),
        ({"prompt_tokens": 5, "cached_tokens": 90, "completion_tokens": 4}, 95, 4, ""),
        (
            {"prompt_tokens": 50, "cached_tokens": 9, "completion_tokens": 4, "total_tokens": 63},
            59,
            4,
            "",
        ),
    ],
)
def test_what_is_said_is_taken_and_the_rest_is_counted(
    usage: dict[str, Any], prompt: int, completion: int, estimated: str
) -> None:
    read = charged(usage)

    assert read is not None
    assert (read.prompt, read.completion) == (prompt, completion)
    assert read.estimated == frozenset(estimated.split())


def test_the_surplus_of_the_total_is_output_of_its_own_kind() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 22, "reasoning_tokens": 7}

    assert charged(usage) == Usage(10, 12, reasoning=7, surplus=7)


@pytest.mark.parametrize(
    "usage",
    [{"total_tokens": 777}, {"prompt_tokens": 777}, {"prompt_tokens": 777, "total_tokens": 777}],
)
def test_embeddings_have_a_prompt_only(usage: dict[str, Any]) -> None:
    assert charged(usage, writes=False) == Usage(prompt=777)


@pytest.mark.parametrize(
    "value",
    [None, [], "10", {}, {"prompt_tokens": -1}, {"prompt_tokens": None}, {"total_tokens": "many"}],
)
def test_nonsense_is_no_report(value: object) -> None:
    assert read(value) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt_tokens_details": {"cached_tokens": 4}},
        {"input_tokens_details": {"cached_tokens": 4}},
        {"prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6},
        {"cache_read_input_tokens": 4},
        {"cached_tokens": "4"},
        {"cached_tokens": 4, "prompt_tokens_details": {"cached_tokens": 0}},
    ],
)
def test_cached_tokens_under_every_name(fields: dict[str, Any]) -> None:
    assert charged({"prompt_tokens": 10, "completion_tokens": 1, **fields}) == Usage(
        10, 1, cache_read=4
    )


@pytest.mark.parametrize(
    "fields",
    [{"cache_creation_input_tokens": 4}, {"prompt_tokens_details": {"cache_write_tokens": 4}}],
)
def test_tokens_written_to_the_cache(fields: dict[str, Any]) -> None:
    assert charged({"prompt_tokens": 10, "completion_tokens": 1, **fields}) == Usage(
        10, 1, cache_write=4
    )


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"cost": 0.00014}, Decimal("0.00014")),
        ({"total_cost": "0.5"}, Decimal("0.5")),
        ({"cost": 0}, None),
        ({"cost": 0, "is_byok": True}, None),
        (
            {"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.25}},
            Decimal("0.25"),
        ),
        (
            {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.25}},
            Decimal("0.26"),
        ),
        *[({"cost": odd}, None) for odd in ODD],
    ],
)
def test_the_cost_that_is_named(fields: dict[str, Any], cost: Decimal | None) -> None:
    report = read({"prompt_tokens": 1, "completion_tokens": 1, **fields})

    assert report is not None
    assert report.cost == cost


@pytest.mark.parametrize(
    "answer",
    [
        {"usage": {"prompt_tokens": 3, "completion_tokens": 4}},
        {"usage": None, "x_groq": {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}},
        {"choices": [{"delta": {}, "usage": {"prompt_tokens": 3, "completion_tokens": 4}}]},
        {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4}},
    ],
)
def test_usage_is_found_wherever_a_provider_puts_it(answer: dict[str, Any]) -> None:
    report = report_in(answer)

    assert report is not None
    assert (report.prompt, report.completion) == (3, 4)


FIGURES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("prompt_tokens", "completion_tokens"), st.integers(0, 10**6))
)


@given(st.lists(FIGURES, min_size=1))
def test_reports_complete_each_other_and_the_greatest_figure_is_meant(
    frames: list[dict[str, int]],
) -> None:
    report = None
    for frame in frames:
        report = merged(report, read(frame))

    for name in ("prompt", "completion"):
        said = [frame[f"{name}_tokens"] for frame in frames if f"{name}_tokens" in frame]
        assert (getattr(report, name) if report else None) == max(said, default=None)
