"""Computing the columns of a receipt from usage, weights and prices. Pure."""

from decimal import Decimal
from typing import Any, TypedDict

from llmproxy.catalog import pricing
from llmproxy.catalog.pricing import Prices, Weights
from llmproxy.protocol.usage import Usage


class Figures(TypedDict):
    """Named as in ``tokens.ledger.Receipt`` and ``Correction``: tokens, USD per token, USD."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    surplus_tokens: int
    price_prompt: str | None
    price_completion: str | None
    price_cached: str | None
    price_cache_write: str | None
    price_request: str | None
    weight_prompt: str
    weight_completion: str
    weight_cache_read: str
    weight_cache_write: str
    cost: Decimal | None
    upstream_cost: Decimal | None


def figures(usage: Usage, weights: Weights, prices: Prices) -> Figures:
    """Return the columns for this usage, charged by these weights and prices."""
    columns: Any = {
        **prices.columns,
        **weights.columns,
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "cached_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "reasoning_tokens": usage.reasoning,
        "surplus_tokens": usage.surplus,
        "cost": pricing.cost(usage, prices),
        "upstream_cost": usage.cost,
    }
    figures: Figures = columns
    return figures
