"""A caller's limits, what remains of them, and OpenAI's headers for them. Pure."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

# Lua's numbers are not exact beyond this.
MOST_TOKENS = 2**50


class State(NamedTuple):
    """The state of a caller's limits in Redis or in this process. Times in milliseconds.

    ``refused``: 0 no, 1 requests, 2 tokens, 3 slots, 4 requests of the key. ``wait``: until a retry
    can succeed. ``bucket``: the time bucket that counted the request. ``key_left`` is -1 for a key
    without its own limit.
    """

    refused: int
    wait: int
    bucket: int
    requests_left: int
    requests_reset: int
    tokens_left: int
    tokens_reset: int
    slots_left: int
    key_left: int = -1
    key_reset: int = 0


@dataclass(frozen=True)
class Limits:
    """The limits of a caller per minute and at once; 0 allows nothing, None is no limit."""

    requests_per_minute: int
    tokens_per_minute: int
    concurrent_requests: int
    key_requests_per_minute: int | None = None

    @cached_property
    def as_numbers(self) -> tuple[int, int, int, int]:
        """Return the limits as numbers, of which -1 is no limit."""
        of_key = self.key_requests_per_minute
        return (
            self.requests_per_minute,
            min(self.tokens_per_minute, MOST_TOKENS),
            self.concurrent_requests,
            -1 if of_key is None else of_key,
        )

    def headers(self, state: State) -> dict[str, str]:
        """Return OpenAI's headers. With two limits on requests, the one with fewer left."""
        limit, left, reset = self.requests_per_minute, state.requests_left, state.requests_reset
        if self.key_requests_per_minute is not None and state.key_left < left:
            limit, left, reset = self.key_requests_per_minute, state.key_left, state.key_reset
        return {
            "x-ratelimit-limit-requests": str(limit),
            "x-ratelimit-remaining-requests": str(left),
            "x-ratelimit-reset-requests": duration(reset),
            "x-ratelimit-limit-tokens": str(self.tokens_per_minute),
            "x-ratelimit-remaining-tokens": str(state.tokens_left),
            "x-ratelimit-reset-tokens": duration(state.tokens_reset),
        }


def duration(ms: int) -> str:
    """Format a duration like OpenAI: "0s", "6ms", "1s", "59.95s", "1m0s"."""
    if 0 < ms < 1000:
        return f"{ms}ms"
    minutes, rest = divmod(ms, 60_000)
    whole, rest = divmod(rest, 1000)
    seconds = f"{whole}.{rest:03}".rstrip("0") if rest else str(whole)
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
