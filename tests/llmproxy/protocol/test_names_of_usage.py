"""Every name under which a provider reports usage, and what decides when figures differ."""

from decimal import Decimal
from typing import Any

import pytest

from llmproxy.protocol.reports import Report, count, merged, money, read, report_in, usage_of
from llmproxy.protocol.usage import Usage

TOKENS = {"prompt_tokens": 100, "completion_tokens": 50}


@pytest.mark.parametrize(
    "name", ["prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "promptTokenCount"]
)
def test_the_prompt(name: str) -> None:
    assert read({name: 7}) == Report(prompt=7)


@pytest.mark.parametrize(
    "name",
    [
        "completion_tokens",
        "output_tokens",
        "completionTokens",
        "outputTokens",
        "candidatesTokenCount",
    ],
)
def test_the_completion(name: str) -> None:
    assert read({name: 7}) == Report(completion=7)


@pytest.mark.parametrize("name", ["total_tokens", "totalTokens", "totalTokenCount"])
def test_the_total(name: str) -> None:
    assert read({name: 7}) == Report(total=7)


@pytest.mark.parametrize("place", [None, "prompt_tokens_details", "input_tokens_details"])
@pytest.mark.parametrize(
    ("names", "field"),
    [
        (
            [
                "cached_tokens",
                "prompt_cache_hit_tokens",
                "cache_read_input_tokens",
                "cache_read_tokens",
                "cacheReadInputTokens",
                "cachedContentTokenCount",
            ],
            "cache_read",
        ),
        (
            [
                "cache_creation_input_tokens",
                "cache_creation_tokens",
                "cache_write_input_tokens",
                "cache_write_tokens",
                "caching_tokens",
                "cacheCreationInputTokens",
            ],
            "cache_write",
        ),
    ],
)
def test_the_cache(names: list[str], field: str, place: str | None) -> None:
    for name in names:
        found = read({**TOKENS, **({place: {name: 7}} if place else {name: 7})})
        assert found is not None
        assert found == Report(100, 50, cache_read=found.cache_read, cache_write=found.cache_write)
        assert {found.cache_read, found.cache_write} == {0, 7}
        assert getattr(found, field) == 7


@pytest.mark.parametrize("place", [None, "completion_tokens_details", "output_tokens_details"])
@pytest.mark.parametrize("name", ["reasoning_tokens", "reasoningTokens", "thoughtsTokenCount"])
def test_reasoning(name: str, place: str | None) -> None:
    found = read({**TOKENS, **({place: {name: 7}} if place else {name: 7})})

    assert found == Report(100, 50, reasoning=7)


def test_the_greatest_figure_of_several_names_is_taken() -> None:
    both = {"prompt_tokens": 3, "input_tokens": 9, "output_tokens": 8, "completion_tokens": 2}

    assert read(both) == Report(prompt=9, completion=8)
    assert read({**TOKENS, "cached_tokens": 3, "cache_read_tokens": 9}) == Report(
        100, 50, cache_read=9
    )
    assert read({**TOKENS, "cached_tokens": 9, "cache_read_tokens": 3}) == Report(
        100, 50, cache_read=9
    )
    assert read({**TOKENS, "cached_tokens": "many", "cache_read_tokens": 3}) == Report(
        100, 50, cache_read=3
    )
    assert read({**TOKENS, "cached_tokens": "many"}) == Report(100, 50)
    assert read({"input_tokens": "many", "promptTokens": 3}) == Report(3)
    assert read({"prompt_tokens": 9, "input_tokens": 3}) == Report(9)


def test_the_cache_is_apart_where_a_report_has_anthropics_names() -> None:
    found = read({"input_tokens": 5, "output_tokens": 4, "cache_read_input_tokens": 3})

    assert found == Report(5, 4, cache_read=3, cache_is_apart=True)
    assert not read({"input_tokens": 5, "cached_tokens": 3}).cache_is_apart  # type: ignore[union-attr]
    one_apart = Report(5, 4, cache_read=1, cache_is_apart=True)
    assert usage_of(one_apart, prompt=0, completion=0).prompt == 6
    assert not read({"prompt_tokens": 5, "cache_read_input_tokens": 3}).cache_is_apart  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("report", "is_nothing"),
    [
        (Report(), True),
        (Report(0, 0, 0), True),
        (Report(cost=Decimal(1)), True),
        (Report(prompt=1), False),
        (Report(completion=1), False),
        (Report(total=1), False),
    ],
)
def test_a_report_without_tokens_says_nothing_was_used(report: Report, is_nothing: bool) -> None:
    assert report.says_nothing_used is is_nothing


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        (0, 0),
        (7, 7),
        (7.0, 7),
        (0.0, 0),
        ("7", 7),
        ("7.0", 7),
        ("7.00", 7),
        (10**9, 10**9),
        (str(10**9), 10**9),
        (10**9 + 1, None),
        ("10000000000", None),
        (-1, None),
        ("-1", None),
        (7.5, None),
        ("7.5", None),
        ("", None),
        ("7 ", None),
        ("\u0667", None),
        (True, None),
        (None, None),
        ([7], None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_a_number_of_tokens_is_whole_and_plausible(value: object, tokens: int | None) -> None:
    assert count(value) == tokens


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (0, Decimal(0)),
        (3, Decimal(3)),
        (0.1, Decimal("0.1")),
        ("0.25", Decimal("0.25")),
        (999_999, Decimal(999_999)),
        (1_000_000, None),
        (-0.1, None),
        ("free", None),
        ("NaN", None),
        ("Infinity", None),
        (float("inf"), None),
        (True, None),
        (None, None),
        ([1], None),
    ],
)
def test_an_amount_is_finite_and_plausible(value: object, amount: Decimal | None) -> None:
    assert money(value) == amount


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({}, None),
        ({"cost": 0.5}, "0.5"),
        ({"total_cost": 0.5}, "0.5"),
        ({"cost": 0.5, "total_cost": 0.7}, "0.5"),
        ({"cost": 0, "total_cost": 0.7}, None),
        ({"cost_details": {"upstream_inference_cost": 0.3}}, "0.3"),
        ({"cost": 0.5, "cost_details": {"upstream_inference_cost": 0.3}}, "0.5"),
        ({"cost": 0, "cost_details": {"upstream_inference_cost": 0.3}}, "0.3"),
        ({"cost": 0.5, "cost_details": "none"}, "0.5"),
        # With a key of the operator's own at the upstream, both are paid.
        ({"is_byok": True, "cost": 0.5, "cost_details": {"upstream_inference_cost": 0.3}}, "0.8"),
        ({"is_byok": True, "cost_details": {"upstream_inference_cost": 0.3}}, "0.3"),
        ({"is_byok": True, "cost": 0.5}, None),
        ({"is_byok": False, "cost": 0.5, "cost_details": {"upstream_inference_cost": 9}}, "0.5"),
        ({"is_byok": 1, "cost": 0.5, "cost_details": {"upstream_inference_cost": 9}}, "0.5"),
    ],
)
def test_the_cost(fields: dict[str, Any], cost: str | None) -> None:
    report = read({**TOKENS, **fields})

    assert report is not None
    assert report.cost == (None if cost is None else Decimal(cost))


@pytest.mark.parametrize(
    ("answer", "report"),
    [
        ({}, None),
        ({"usage": TOKENS}, Report(100, 50)),
        ({"usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 9}}, Report(3, total=9)),
        ({"x_groq": {"usage": TOKENS}}, Report(100, 50)),
        ({"x_groq": "usage"}, None),
        ({"choices": [{"usage": TOKENS}]}, Report(100, 50)),
        ({"choices": ["usage", {"index": 0}, {"usage": TOKENS}]}, Report(100, 50)),
        ({"choices": {"usage": TOKENS}}, None),
        # From several places, the greatest of each figure.
        ({"usage": {"prompt_tokens": 5}, "choices": [{"usage": TOKENS}]}, Report(100, 50)),
        ({"usage": {"prompt_tokens": 500}, "choices": [{"usage": TOKENS}]}, Report(500, 50)),
    ],
)
def test_the_places_of_usage(answer: dict[str, Any], report: Report | None) -> None:
    assert report_in(answer) == report


def test_merged_reports_have_the_greatest_of_each_figure() -> None:
    early = Report(100, None, None, 40, 0, 3, Decimal(1), cache_is_apart=True)
    late = Report(90, 20, 130, 50, 5, 2, None)

    assert merged(early, late) == Report(100, 20, 130, 50, 5, 3, Decimal(1), cache_is_apart=True)
    assert merged(late, early) == merged(early, late)
    assert merged(None, late) == late
    assert merged(early, None) == early
    assert merged(None, None) is None


@pytest.mark.parametrize(
    ("report", "usage"),
    [
        (Report(100, 50), Usage(100, 50)),
        (Report(100, 50, 150), Usage(100, 50)),
        (Report(100, 50, 149), Usage(100, 50)),
        (Report(100, 50, 151), Usage(100, 51, surplus=1)),
        # Two of three figures give the third.
        (Report(100, None, 130), Usage(100, 30)),
        (Report(None, 50, 130), Usage(80, 50)),
        (Report(100, None, 60), Usage(100, 0)),
        (Report(None, 50, 30), Usage(0, 50)),
        # What is missing is counted here: 11 and 7.
        (Report(100), Usage(100, 7, estimated=frozenset({"completion"}))),
        (Report(completion=50), Usage(11, 50, estimated=frozenset({"prompt"}))),
        (Report(), Usage(11, 7, estimated=frozenset({"prompt", "completion"}))),
        (Report(total=30), Usage(23, 7, estimated=frozenset({"prompt", "completion"}))),
        (Report(total=0), Usage(0, 0, estimated=frozenset({"prompt", "completion"}))),
        # The cache is a part of the prompt, unless the total, the names or the sizes say otherwise.
        (Report(100, 50, cache_read=40), Usage(100, 50, cache_read=40)),
        (Report(100, 50, cache_read=100), Usage(100, 50, cache_read=100)),
        (Report(100, 50, cache_read=101), Usage(201, 50, cache_read=101)),
        (
            Report(100, 50, cache_read=60, cache_write=41),
            Usage(201, 50, cache_read=60, cache_write=41),
        ),
        (Report(100, 50, cache_read=40, cache_is_apart=True), Usage(140, 50, cache_read=40)),
        (Report(100, 50, 190, cache_read=40), Usage(140, 50, cache_read=40)),
        (
            Report(100, 50, 150, cache_read=40, cache_is_apart=True),
            Usage(100, 50, cache_read=40),
        ),
        (
            Report(100, None, 190, cache_read=40, cache_is_apart=True),
            Usage(140, 50, cache_read=40),
        ),
        # No part is larger than the whole.
        (Report(100, 50, 150, cache_read=130), Usage(100, 50, cache_read=100)),
        (
            Report(100, 50, 150, cache_read=70, cache_write=40),
            Usage(100, 50, cache_read=70, cache_write=30),
        ),
        (Report(100, 50, 150, cache_read=130, cache_write=9), Usage(100, 50, cache_read=100)),
        (Report(100, 50, 150, cache_write=130), Usage(100, 50, cache_write=100)),
        (Report(100, 50, 150, reasoning=20), Usage(100, 50, reasoning=20)),
        (Report(100, 50, 150, reasoning=70), Usage(100, 50, reasoning=50)),
        # Without a total, reasoning that is larger than the completion is beside it.
        (Report(100, 50, reasoning=50), Usage(100, 50, reasoning=50)),
        (Report(100, 50, reasoning=51), Usage(100, 101, reasoning=51)),
        (Report(100, 50, cost=Decimal(2)), Usage(100, 50, cost=Decimal(2))),
    ],
)
def test_a_report_becomes_usage(report: Report, usage: Usage) -> None:
    assert usage_of(report, prompt=11, completion=7) == usage


@pytest.mark.parametrize(
    ("report", "usage"),
    [
        (Report(prompt=100), Usage(100)),
        (Report(total=100), Usage(100)),
        (Report(prompt=100, total=120), Usage(120)),
        (Report(prompt=100, completion=50), Usage(100)),
        (Report(), Usage(11, estimated=frozenset({"prompt"}))),
    ],
)
def test_a_model_without_output_has_no_completion(report: Report, usage: Usage) -> None:
    assert usage_of(report, prompt=11, completion=0, writes=False) == usage
