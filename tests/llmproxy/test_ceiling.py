"""How much is held for a request, and what that hold allows."""

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from llmproxy.catalog.pricing import Prices, Weights, charge, cost
from llmproxy.protocol.estimate import prompt_size
from llmproxy.protocol.usage import Usage
from llmproxy.relay.ceiling import Ceiling

HALF_AND_THRICE = Weights(Decimal("0.5"), Decimal(3))


def test_the_ceiling_bounds_prompt_and_output() -> None:
    ceiling = Ceiling(prompt=100, output=1000, choices=1, weights=Weights())

    assert (ceiling.amount, ceiling.minimum) == (1100, 116)
    assert ceiling.output_within(1100) == 1000
    assert ceiling.output_within(600) == 500


def test_choices_share_what_is_held_in_whole_tokens() -> None:
    ceiling = Ceiling(prompt=100, output=1000, choices=2, weights=Weights())

    assert ceiling.amount == 2100
    assert str(ceiling.output_within(601)) == "250"


def test_weights_and_choices_count() -> None:
    ceiling = Ceiling(prompt=101, output=10, choices=2, weights=HALF_AND_THRICE)

    assert ceiling.amount == math.ceil(50.5 + 60)
    assert ceiling.output_within(ceiling.amount) == 10
    assert ceiling.output_within(51 + 30) == 5


@pytest.mark.parametrize(
    "weights", [Weights(), HALF_AND_THRICE, Weights(Decimal(0), Decimal("0.001"))]
)
@pytest.mark.parametrize("held", [120, 500, 999, 5000])
def test_what_a_hold_allows_never_costs_more_than_the_hold(weights: Weights, held: int) -> None:
    ceiling = Ceiling(prompt=100, output=1000, choices=3, weights=weights)

    output = ceiling.output_within(held) * 3

    assert charge(Usage(100, output), weights) <= held or ceiling.minimum > held


CACHED_APART = Weights(Decimal(2), Decimal(3), Decimal("0.2"), Decimal("2.5"))


def test_the_greatest_weight_that_may_apply_to_the_prompt_is_held() -> None:
    ceiling = Ceiling(prompt=100, output=10, choices=1, weights=CACHED_APART)

    assert (ceiling.amount, ceiling.output_within(ceiling.amount)) == (250 + 30, 10)
    for cached in (Usage(100, 10, cache_read=100), Usage(100, 10, cache_write=100), Usage(100, 10)):
        assert charge(cached, CACHED_APART) <= ceiling.amount


def test_each_kind_is_charged_by_its_weight_and_the_sum_is_rounded_up() -> None:
    usage = Usage(prompt=100, completion=7, cache_read=61, cache_write=30, reasoning=5)

    assert charge(usage, CACHED_APART) == math.ceil(9 * 2 + 61 * 0.2 + 30 * 2.5 + 7 * 3)


def test_without_weights_of_their_own_cached_tokens_are_charged_as_the_prompt() -> None:
    usage = Usage(prompt=100, completion=1, cache_read=60, cache_write=30)

    assert charge(usage, Weights(Decimal(3), Decimal(1))) == 301
    assert charge(usage, Weights()) == 101
    assert charge(usage, Weights(cache_read=Decimal(0))) == 41


def test_a_cost_has_a_price_for_each_kind() -> None:
    prices = Prices(Decimal(10), Decimal(100), Decimal(2), Decimal(3), Decimal(12))
    usage = Usage(prompt=100, completion=1, cache_read=60, cache_write=30)

    assert cost(usage, prices) == 100 + 120 + 360 + 100 + 3
    assert cost(usage, replace(prices, cache_write=None)) == 100 + 120 + 300 + 100 + 3


def test_a_free_model_holds_one_token() -> None:
    ceiling = Ceiling(prompt=5, output=10, choices=1, weights=Weights(Decimal(0), Decimal(0)))

    assert (ceiling.amount, ceiling.minimum, ceiling.output_within(1)) == (1, 1, 10)


def test_a_charge_rounds_up_once() -> None:
    assert charge(Usage(3, 1), HALF_AND_THRICE) == 5
    assert charge(Usage(0, 0), HALF_AND_THRICE) == 0


def test_a_cost_needs_both_prices() -> None:
    assert cost(Usage(10, 20), Prices(Decimal("0.001"), Decimal("0.002"))) == Decimal("0.050")
    assert cost(Usage(10, 20), Prices(Decimal("0.001"))) is None


def ceiling_of(body: dict[str, Any]) -> int:
    return prompt_size(body).ceiling


def messages(content: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": content}]}


def test_the_ceiling_is_above_the_likely() -> None:
    for text in (
        "hello world",
        "x" * 1000,
        "für alle 🎉",
        "def f():\n    return 1\n" * 50,
        "日本語" * 99,
    ):
        body = messages(text)
        assert prompt_size(body).ceiling > prompt_size(body).likely >= len(text) / 6


def test_an_image_counts_as_one_however_large() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10**6}}

    assert 2000 < ceiling_of(messages([{"type": "text", "text": "what?"}, image])) < 2100


def test_tools_count_towards_the_prompt() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "d" * 300}}

    assert ceiling_of({**messages("hi"), "tools": [tool]}) > ceiling_of(messages("hi")) + 100
