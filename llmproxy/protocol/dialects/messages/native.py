"""What a provider's own Messages answer says of its usage, output, end and errors."""

from typing import Any

from llmproxy.protocol.dialects.base import UsageReader, count, part
from llmproxy.protocol.dialects.counts import Counts
from llmproxy.protocol.parsing import dumps

Json = dict[str, Any]

_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_DELTAS = ("text", "thinking", "partial_json")


class MessagesUsage(UsageReader):
    """The counts come in two events, each cumulative: the later one decides."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Json = {}
        self._final = False

    @property
    def usage(self) -> Json | None:
        """Return the usage once the output's has come; what a broken stream began with is none."""
        if not self._final:
            return None
        fresh, read, written = (count(self._seen.get(name)) for name in _INPUT)
        counts = Counts(
            prompt=fresh + read + written,
            completion=count(self._seen.get("output_tokens")),
            cache_read=read,
            cache_write=written,
            reasoning=count(part(self._seen, "output_tokens_details").get("thinking_tokens")),
        )
        beside = {name: self._seen[name] for name in ("cost", "cost_details") if name in self._seen}
        return counts.as_chat() | beside

    @property
    def prompt(self) -> int:
        """Return the prompt's tokens as the start of a stream has them; 0 before that."""
        return sum(count(self._seen.get(name)) for name in _INPUT)

    def add(self, payload: Json) -> None:
        kind = payload.get("type")
        if kind == "message":
            self._add_answer(payload)
        elif kind == "message_start":
            self._merge(part(part(payload, "message"), "usage"))
        elif kind == "content_block_start":
            self.characters += _characters(part(payload, "content_block"))
        elif kind == "content_block_delta":
            delta = part(payload, "delta")
            self.characters += sum(len(delta[n]) for n in _DELTAS if isinstance(delta.get(n), str))
        elif kind == "message_delta":
            self._merge(part(payload, "usage"))
            self._final = True
        elif kind == "message_stop":
            self.finished = True
        elif kind == "error":
            self.failed = part(payload, "error")

    def _add_answer(self, answer: Json) -> None:
        self._merge(part(answer, "usage"))
        self._final = self.finished = True
        blocks = answer.get("content")
        for block in blocks if isinstance(blocks, list) else []:
            self.characters += _characters(block) if isinstance(block, dict) else 0

    def _merge(self, usage: Json) -> None:
        self._seen.update({name: value for name, value in usage.items() if value is not None})


def _characters(block: Json) -> int:
    """Count what the model wrote in a whole block; a call's name counts with its input."""
    texts = [block.get(name) for name in ("text", "thinking", "name")]
    written = sum(len(text) for text in texts if isinstance(text, str))
    called = block.get("input")
    return written + (len(dumps(called)) if isinstance(called, dict) and called else 0)
