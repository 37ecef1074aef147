"""What a request used, and what of it is charged. Pure."""

from decimal import Decimal
from typing import NamedTuple

from llmproxy.protocol.estimate import text_tokens

# A count without a tokenizer must be past doubt before a stream is cut for it.
_CHARACTERS = 4  # of a token
_SOME = 64
# Fewer events say too little: a large one may be a picture, or what a buffer has gathered.
_LOOK_EVERY = 64
_CLEARLY = 1.5
_BY_FAR = 16


class Usage(NamedTuple):
    """What was used, in tokens, with the cost that a provider names in USD.

    ``prompt`` includes what was read from (``cache_read``) and written to (``cache_write``) the
    provider's cache; ``completion`` includes ``reasoning``, and the ``surplus`` that a reported
    total has above its parts. ``estimated`` names the fields that were counted here.
    """

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    reasoning: int = 0
    cost: Decimal | None = None
    cache_write: int = 0
    surplus: int = 0
    estimated: frozenset[str] = frozenset()


class Billable(NamedTuple):
    """The tokens of each kind that has a weight of its own; no token is of two kinds."""

    prompt: int
    cache_read: int
    cache_write: int
    completion: int


def billable(usage: Usage) -> Billable:
    """Return what is charged of each kind."""
    cache_read = min(usage.cache_read, usage.prompt)
    cache_write = min(usage.cache_write, usage.prompt - cache_read)
    rest = usage.prompt - cache_read - cache_write
    return Billable(rest, cache_read, cache_write, usage.completion)


class OutputTally:
    """Counts the output of an answer, for when its provider does not."""

    def __init__(self) -> None:
        self._characters = 0
        self._events = 0
        self._looked_at = 0

    def add(self, characters: int, *, events: int = 1) -> None:
        """Count what some events, or a whole answer, say."""
        self._characters += characters
        self._events += events

    def passes(self, tokens: int) -> bool:
        """Tell whether the output is clearly longer than so many tokens; looks now and then.

        A run of spaces or dashes is one token, however long. Most providers send each token as an
        event, so what has fewer events than that must be longer by far.
        """
        if self._events - self._looked_at < _LOOK_EVERY:
            return False
        self._looked_at = self._events
        clearly = _CLEARLY if self._events > tokens else _BY_FAR
        return self._characters > _CHARACTERS * (tokens * clearly + _SOME)

    def tokens(self) -> int:
        """Return how many tokens the output is likely to have."""
        return text_tokens(self._characters)
