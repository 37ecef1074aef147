"""Computing the columns of a receipt from usage, weights and prices. Pure."""

from decimal import Decimal
from typing import TypedDict

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
    price_prompt: Decimal | None
    price_completion: Decimal | None
    price_cached: Decimal | None
    price_cache_write: Decimal | None
    price_request: Decimal | None
    weight_prompt: Decimal
    weight_completion: Decimal
    weight_cache_read: Decimal
    weight_cache_write: Decimal
    cost: Decimal | None
    upstream_cost: Decimal | None


def figures(usage: Usage, weights: Weights, prices: Prices) -> Figures:
    """Return the columns for this usage, charged by these weights and prices."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "cached_tokens": usage.cache_read,
        "cache_write_tokens": usage.cache_write,
        "reasoning_tokens": usage.reasoning,
        "surplus_tokens": usage.surplus,
        "price_prompt": prices.prompt,
        "price_completion": prices.completion,
        "price_cached": prices.cached,
        "price_cache_write": prices.cache_write,
        "price_request": prices.request,
        "weight_prompt": weights.prompt,
        "weight_completion": weights.completion,
        "weight_cache_read": weights.of_reads,
        "weight_cache_write": weights.of_writes,
        "cost": pricing.cost(usage, prices),
        "upstream_cost": usage.cost,
    }
