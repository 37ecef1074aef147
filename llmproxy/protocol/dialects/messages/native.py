"""Reading usage, output, end and errors from a provider's own Messages answer.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from typing import Any

from core.errors import ApiError
from llmproxy.protocol import reports
from llmproxy.protocol.dialects.base import NativeReader, count, part, typed_event
from llmproxy.protocol.dialects.counts import Counts
from llmproxy.protocol.dialects.messages.errors import error_body
from llmproxy.protocol.parsing import dumps
from llmproxy.protocol.reports import Report

Json = dict[str, Any]

_INPUT = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_DELTAS = ("text", "thinking", "partial_json")


class NativeMessages(NativeReader):
    """Reads one answer. Two events report cumulative counts: the second replaces the first."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Json = {}
        self._final = False
        self._open: int | None = None

    @property
    def usage(self) -> Json | None:
        """Return the usage after the output was reported. The first event alone is not usage."""
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
    def report(self) -> Report | None:
        """Return the figures so far: at the start of a stream, only the prompt's."""
        if self._final or not self._seen:
            return reports.read(self.usage)
        prompt = sum(count(self._seen.get(name)) for name in _INPUT)
        return Report(prompt=prompt) if prompt else None

    def add(self, payload: Json) -> bool:
        kind = payload.get("type")
        if kind == "content_block_delta":
            delta = part(payload, "delta")
            self.characters += sum(len(delta[n]) for n in _DELTAS if isinstance(delta.get(n), str))
            return False
        if kind == "content_block_start":
            self.characters += _characters(part(payload, "content_block"))
            self._open = payload.get("index")
            return False
        self._add_other(kind, payload)
        return True

    def _add_other(self, kind: Any, payload: Json) -> None:
        if kind == "message":
            self._add_answer(payload)
        elif kind == "message_start":
            self._merge(part(part(payload, "message"), "usage"))
        elif kind == "content_block_stop":
            self._open = None
        elif kind == "message_delta":
            self._merge(part(payload, "usage"))
            self._final = bool(part(payload, "usage"))
            self.stopped = True
        elif kind == "message_stop":
            self.finished = True
        elif kind == "error" or payload.get("error"):
            self.failed = part(payload, "error") or payload

    def cut_short(self) -> bytes:
        stopped = {"type": "content_block_stop", "index": self._open}
        end = typed_event(stopped) if self._open is not None else b""
        usage = {"output_tokens": count(self._seen.get("output_tokens"))}
        delta = {"stop_reason": "max_tokens", "stop_sequence": None}
        return end + typed_event({"type": "message_delta", "delta": delta, "usage": usage})

    def last_event(self) -> bytes:
        return typed_event({"type": "message_stop"})

    def failure(self, error: ApiError, request_id: str | None) -> bytes:
        return typed_event(error_body(error, request_id))

    def _add_answer(self, answer: Json) -> None:
        self._merge(part(answer, "usage"))
        self._final = bool(self._seen)
        blocks = answer.get("content")
        blocks = blocks if isinstance(blocks, list) else []
        self.characters = sum(_characters(block) for block in blocks if isinstance(block, dict))
        self.stopped = self.finished = bool(self.characters or answer.get("stop_reason"))

    def _merge(self, usage: Json) -> None:
        self._seen.update({name: value for name, value in usage.items() if value is not None})


def _characters(block: Json) -> int:
    """Count the output of a whole block. A call's name counts with its input."""
    texts = [block.get(name) for name in ("text", "thinking", "name")]
    written = sum(len(text) for text in texts if isinstance(text, str))
    called = block.get("input")
    return written + (len(dumps(called)) if isinstance(called, dict) and called else 0)
