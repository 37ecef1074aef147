"""How much a request may use at most, and so how much is held for it. Pure.

What of the prompt will come from the provider's cache, or go into it, nobody knows before: its
greatest weight is held.
"""

from typing import NamedTuple

from llmproxy.catalog.pricing import Weights, most_charged, most_output

# Less than this is not worth asking a model for.
LEAST_OUTPUT = 16


class OutputLimit(NamedTuple):
    """The output, of each choice, that a provider is asked for at most, and what sets the limit."""

    tokens: int = 0
    by: str = "request"


class Ceiling(NamedTuple):
    """`prompt` and `output` (of each choice) in LLM tokens; `amount` and `minimum` as charged.

    ``limited_by`` names what limits the output: request, plan, model or context.
    """

    prompt: int
    output: int
    choices: int
    weights: Weights
    limited_by: str = "request"

    @property
    def amount(self) -> int:
        """Return the hold that covers the whole request."""
        return max(self._charge(self.output), 1)

    @property
    def minimum(self) -> int:
        """Return the smallest hold that still allows a useful answer."""
        return max(self._charge(min(self.output, LEAST_OUTPUT)), 1)

    def output_within(self, held: int) -> int:
        """Return the output limit, of each choice, that a hold covers."""
        return min(self.output, most_output(held, self.prompt, self.choices, self.weights))

    def _charge(self, output: int) -> int:
        return most_charged(self.prompt, output * self.choices, self.weights)
