"""What a provider's own Responses answer says of its usage, output, end and errors."""

from typing import Any

from llmproxy.protocol.dialects.base import UsageReader, count, part
from llmproxy.protocol.dialects.counts import Counts

Json = dict[str, Any]

_ENDS = ("response.completed", "response.incomplete", "response.failed")


class ResponsesUsage(UsageReader):
    """The last event has the whole response, with its usage."""

    def __init__(self) -> None:
        super().__init__()
        self._usage: Json | None = None

    @property
    def usage(self) -> Json | None:
        return self._usage

    def add(self, payload: Json) -> None:
        kind = payload.get("type")
        if payload.get("object") == "response":
            self.characters += sum(map(_characters, _items(payload)))
            self._end(payload)
        elif kind in _ENDS:
            self._end(part(payload, "response"))
        elif kind == "error":
            self.failed = part(payload, "error") or payload
        elif kind == "response.output_item.added":
            name = part(payload, "item").get("name")
            self.characters += len(name) if isinstance(name, str) else 0
        elif isinstance(delta := payload.get("delta"), str):
            self.characters += len(delta)

    def _end(self, response: Json) -> None:
        self.finished = True
        if response.get("status") == "failed":
            self.failed = part(response, "error")
        if usage := part(response, "usage"):
            self._usage = _as_chat(usage)


def _as_chat(usage: Json) -> Json:
    before, after = (part(usage, f"{side}_tokens_details") for side in ("input", "output"))
    counts = Counts(
        prompt=count(usage.get("input_tokens")),
        completion=count(usage.get("output_tokens")),
        cache_read=count(before.get("cached_tokens")),
        cache_write=count(before.get("cache_write_tokens")),
        reasoning=count(after.get("reasoning_tokens")),
    )
    beside = {name: usage[name] for name in ("cost", "cost_details") if name in usage}
    return counts.as_chat() | beside


def _items(response: Json) -> list[Json]:
    output = response.get("output")
    return [one for one in output if isinstance(one, dict)] if isinstance(output, list) else []


def _characters(item: Json) -> int:
    """Count what the model wrote in a whole item."""
    written = sum(
        len(t) for n in ("name", "arguments", "input") if isinstance(t := item.get(n), str)
    )
    for name in ("content", "summary"):
        parts = item.get(name)
        for one in parts if isinstance(parts, list) else []:
            told = one.get("text", one.get("refusal")) if isinstance(one, dict) else None
            written += len(told) if isinstance(told, str) else 0
    return written
