"""The usage of a request, and the part of it that is charged. Pure."""

from decimal import Decimal

from msgspec import Struct

from llmproxy.protocol.estimate import text_tokens

# Thresholds for cutting a stream: a count without a tokenizer must clearly exceed the limit.
_CHARACTERS = 4  # of a token
_SOME = 64
# Fewer events are not conclusive: a large one may be an image, or many buffered tokens.
_LOOK_EVERY = 64
_CLEARLY = 1.5
_BY_FAR = 16


class Usage(Struct, frozen=True):
    """The usage in tokens, with the cost in USD that the provider reports.

    ``prompt`` includes tokens read from (``cache_read``) and written to (``cache_write``) the
    provider's cache; ``completion`` includes ``reasoning`` and the ``surplus`` that a reported
    total has above its parts. ``estimated`` names the fields that are our own counts.
    """

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    reasoning: int = 0
    cost: Decimal | None = None
    cache_write: int = 0
    surplus: int = 0
    estimated: frozenset[str] = frozenset()


class Billable(Struct, frozen=True):
    """The tokens of each kind with its own weight. Each token is of exactly one kind."""

    prompt: int
    cache_read: int
    cache_write: int
    completion: int


def billable(usage: Usage) -> Billable:
    """Return the tokens of each kind that are charged."""
    cache_read = min(usage.cache_read, usage.prompt)
    cache_write = min(usage.cache_write, usage.prompt - cache_read)
    rest = usage.prompt - cache_read - cache_write
    return Billable(rest, cache_read, cache_write, usage.completion)


class OutputTally:
    """Counts the output of an answer, in case its provider does not report it."""

    def __init__(self) -> None:
        self._characters = 0
        self._events = 0
        self._looked_at = 0

    def add(self, characters: int, *, events: int = 1) -> None:
        """Count the output in some events or a whole answer.

        An event without output, such as a role or a finish reason, is no token.
        """
        if characters:
            self._characters += characters
            self._events += events

    def passes(self, tokens: int) -> bool:
        """Return whether the output clearly exceeds so many tokens. It is not checked every time.

        A run of spaces or dashes is one token, however long. Most providers send each token as an
        event, so an answer with fewer events must be much longer.
        """
        if self._events - self._looked_at < _LOOK_EVERY:
            return False
        self._looked_at = self._events
        clearly = _CLEARLY if self._events > tokens else _BY_FAR
        return self._characters > _CHARACTERS * (tokens * clearly + _SOME)

    def tokens(self) -> int:
        """Return the likely number of tokens in the output."""
        return text_tokens(self._characters)
