"""The cost of usage: in tokens of the balance, by weight, and in USD, by price. Pure."""

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from llmproxy.protocol.usage import Usage, billable

ONE = Decimal(1)


@dataclass(frozen=True)
class Weights:
    """Tokens charged for each token of a kind. None: same as a prompt token."""

    prompt: Decimal = ONE
    completion: Decimal = ONE
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None

    @cached_property
    def of_reads(self) -> Decimal:
        """The charge for a token that was read from the cache."""
        return self.prompt if self.cache_read is None else self.cache_read

    @cached_property
    def of_writes(self) -> Decimal:
        """The charge for a token that was written to the cache."""
        return self.prompt if self.cache_write is None else self.cache_write

    @cached_property
    def greatest_of_prompt(self) -> Decimal:
        """The highest charge for a token of the prompt, of any kind."""
        return max(self.prompt, self.of_reads, self.of_writes)

    @cached_property
    def columns(self) -> dict[str, str]:
        """The columns of a receipt, as they are written: a decimal is exact as text."""
        return {
            "weight_prompt": str(self.prompt),
            "weight_completion": str(self.completion),
            "weight_cache_read": str(self.of_reads),
            "weight_cache_write": str(self.of_writes),
        }

    @cached_property
    def are_one(self) -> bool:
        """Whether every weight is 1, so that no decimals are needed."""
        return {self.prompt, self.completion, self.of_reads, self.of_writes} == {ONE}


@dataclass(frozen=True)
class Prices:
    """USD per token, and per request; None = unknown.

    ``cached`` is for prompt tokens read from the provider's cache, ``cache_write`` for those that
    were written to it. If unknown, such tokens cost the same as other prompt tokens.
    """

    prompt: Decimal | None = None
    completion: Decimal | None = None
    cached: Decimal | None = None
    request: Decimal | None = None
    cache_write: Decimal | None = None

    @cached_property
    def columns(self) -> dict[str, str | None]:
        """The columns of a receipt, as they are written."""
        prices = {
            "price_prompt": self.prompt,
            "price_completion": self.completion,
            "price_cached": self.cached,
            "price_cache_write": self.cache_write,
            "price_request": self.request,
        }
        return {name: None if price is None else str(price) for name, price in prices.items()}


def charge(usage: Usage, weights: Weights) -> int:
    """Return the tokens to charge: the sum over the kinds of tokens x weight, rounded up once."""
    if weights.are_one:
        return usage.prompt + usage.completion
    used = billable(usage)
    return math.ceil(
        used.prompt * weights.prompt
        + used.cache_read * weights.of_reads
        + used.cache_write * weights.of_writes
        + used.completion * weights.completion
    )


def most_charged(prompt: int, completion: int, weights: Weights) -> int:
    """Return the highest charge for so many tokens, however much of the prompt is cached."""
    if weights.are_one:
        return prompt + completion
    return math.ceil(prompt * weights.greatest_of_prompt + completion * weights.completion)


def cost(usage: Usage, prices: Prices) -> Decimal | None:
    """Return the cost in USD at the provider's listed prices, or None without prices."""
    if prices.prompt is None or prices.completion is None:
        return None
    used = billable(usage)
    return (
        used.prompt * prices.prompt
        + used.cache_read * (prices.prompt if prices.cached is None else prices.cached)
        + used.cache_write * (prices.prompt if prices.cache_write is None else prices.cache_write)
        + used.completion * prices.completion
        + (prices.request or 0)
    )


def most_output(held: int, prompt: int, choices: int, weights: Weights) -> int:
    """Return how many output tokens for each choice a reservation covers beyond the prompt."""
    if weights.are_one:
        return (held - prompt) // choices
    left = held - prompt * weights.greatest_of_prompt
    each = choices * weights.completion
    return _LIMITLESS if not each else math.floor(left / each)


_LIMITLESS = 1_000_000_000
