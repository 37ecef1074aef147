"""What usage costs: in tokens of the balance, by weight, and in USD, by price. Pure."""

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from llmproxy.protocol.usage import Usage

ONE = Decimal(1)


@dataclass(frozen=True)
class Weights:
    """Tokens charged for each prompt and each completion token."""

    prompt: Decimal = ONE
    completion: Decimal = ONE

    @cached_property
    def are_one(self) -> bool:
        """Whether tokens are charged as they are, which needs no decimals."""
        return self.prompt == ONE and self.completion == ONE


@dataclass(frozen=True)
class Prices:
    """USD per token, and per request; None = unknown.

    ``cached`` is for prompt tokens read from the provider's cache; unknown, they cost like others.
    """

    prompt: Decimal | None = None
    completion: Decimal | None = None
    cached: Decimal | None = None
    request: Decimal | None = None


def charge(usage: Usage, weights: Weights) -> int:
    """Return the tokens to charge: ceil(prompt x w_in + completion x w_out)."""
    return weighed(usage.prompt, usage.completion, weights)


def weighed(prompt: int, completion: int, weights: Weights) -> int:
    """Return so many tokens as charged, rounded up."""
    if weights.are_one:
        return prompt + completion
    return math.ceil(prompt * weights.prompt + completion * weights.completion)


def cost(usage: Usage, prices: Prices) -> Decimal | None:
    """Return the USD that the tokens cost by the provider's list, or None without prices."""
    if prices.prompt is None or prices.completion is None:
        return None
    cached = min(usage.cache_read, usage.prompt)
    cached_price = prices.prompt if prices.cached is None else prices.cached
    return (
        (usage.prompt - cached) * prices.prompt
        + cached * cached_price
        + usage.completion * prices.completion
        + (prices.request or 0)
    )


def most_output(held: int, prompt: int, choices: int, weights: Weights) -> int:
    """Return how many output tokens, for each choice, a hold covers beyond the prompt."""
    if weights.are_one:
        return (held - prompt) // choices
    left = held - prompt * weights.prompt
    each = choices * weights.completion
    return _LIMITLESS if not each else math.floor(left / each)


_LIMITLESS = 1_000_000_000
