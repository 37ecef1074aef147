"""The ceiling of a request: the most that it can use, which is reserved for it. Pure.

It is not known in advance how much of the prompt the provider reads from its cache or writes to
it, so the prompt is reserved at its greatest weight.
"""

from msgspec import Struct

from llmproxy.catalog.pricing import Weights, most_charged, most_output

# A request with less output than this is not worth sending.
LEAST_OUTPUT = 16


class OutputLimit(Struct, frozen=True):
    """The most output that a provider is asked for in each choice, and what sets the limit."""

    tokens: int = 0
    by: str = "request"


class Ceiling(Struct, frozen=True):
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
        """Return the reservation that covers the whole request."""
        return max(most_charged(self.prompt, self.output * self.choices, self.weights), 1)

    @property
    def minimum(self) -> int:
        """Return the smallest reservation that still allows a useful answer."""
        output = min(self.output, LEAST_OUTPUT) * self.choices
        return max(most_charged(self.prompt, output, self.weights), 1)

    def output_within(self, held: int) -> int:
        """Return the output limit of each choice that a reservation covers."""
        return min(self.output, most_output(held, self.prompt, self.choices, self.weights))
