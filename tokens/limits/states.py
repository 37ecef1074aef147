"""A caller's limits, what is left of them, and OpenAI's headers that say so. Pure."""

from dataclasses import dataclass
from typing import NamedTuple

# Beyond this Lua's numbers are not exact any more.
MOST_TOKENS = 2**50


class State(NamedTuple):
    """What Redis, or this process, says of a caller's limits. Times in milliseconds.

    ``refused``: 0 no, 1 requests, 2 tokens, 3 slots, 4 requests of the key. ``wait``: until it is
    worth another try. ``bucket``: where the request was counted. ``key_left`` is -1 for a key
    without a limit of its own.
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
    """What a caller may do in a minute and at once; 0 allows nothing, None is no limit."""

    requests_per_minute: int
    tokens_per_minute: int
    concurrent_requests: int
    key_requests_per_minute: int | None = None

    @property
    def as_numbers(self) -> tuple[int, int, int, int]:
        """Return them for the script, where -1 is no limit."""
        of_key = self.key_requests_per_minute
        return (
            self.requests_per_minute,
            min(self.tokens_per_minute, MOST_TOKENS),
            self.concurrent_requests,
            -1 if of_key is None else of_key,
        )

    def headers(self, state: State) -> dict[str, str]:
        """Write OpenAI's headers; of two limits on requests, the one with less left."""
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
    """Write a time as OpenAI does: "0s", "6ms", "1s", "59.95s", "1m0s"."""
    if 0 < ms < 1000:
        return f"{ms}ms"
    minutes, rest = divmod(ms, 60_000)
    seconds = f"{rest / 1000:g}s"
    return f"{minutes}m{seconds}" if minutes else seconds
