"""Token counts in the names of each dialect."""

from typing import Any, NamedTuple

from llmproxy.protocol.dialects.base import count, part

Json = dict[str, Any]

_WRITES = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")


class Counts(NamedTuple):
    """The usage of an answer. ``prompt`` includes the cache; ``completion`` includes reasoning."""

    prompt: int
    completion: int
    cache_read: int
    cache_write: int
    reasoning: int

    def as_chat(self) -> Json:
        """Return the counts as a usage object of chat completions."""
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": self.prompt + self.completion,
            "prompt_tokens_details": {
                "cached_tokens": self.cache_read,
                "cache_write_tokens": self.cache_write,
            },
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        }


def of_chat(answer: Json) -> Counts | None:
    """Read the usage of a chat answer or chunk; None if it has none."""
    usage = part(answer, "usage")
    if not usage:
        return None
    details = part(usage, "prompt_tokens_details")
    prompt = count(usage.get("prompt_tokens"))
    read = min(count(details.get("cached_tokens")), prompt)
    written = max(count(details.get(name)) for name in _WRITES)
    return Counts(
        prompt=prompt,
        completion=count(usage.get("completion_tokens")),
        cache_read=read,
        cache_write=min(written, prompt - read),
        reasoning=count(part(usage, "completion_tokens_details").get("reasoning_tokens")),
    )
