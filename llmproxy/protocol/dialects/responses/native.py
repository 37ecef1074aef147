"""Reading usage, output, end and errors from a provider's own Responses answer.

https://platform.openai.com/docs/api-reference/responses-streaming
"""

from typing import Any

from core.errors import ApiError
from llmproxy.protocol import reports
from llmproxy.protocol.dialects.base import NativeReader, count, part, typed_event
from llmproxy.protocol.dialects.counts import Counts
from llmproxy.protocol.dialects.responses.errors import error_of
from llmproxy.protocol.reports import Report

Json = dict[str, Any]

_ENDS = ("response.completed", "response.incomplete", "response.failed")


class NativeResponses(NativeReader):
    """Reads one answer. The last event has the whole response, with its usage."""

    def __init__(self) -> None:
        super().__init__()
        self._usage: Json | None = None
        self._reported: Json | None = None
        self._opened: Json = {}
        self._sequence: Any = -1
        self._cut = False

    @property
    def usage(self) -> Json | None:
        return self._usage

    @property
    def report(self) -> Report | None:
        return reports.read(self._reported)

    def add(self, payload: Json) -> bool:
        kind, delta = payload.get("type"), payload.get("delta")
        self._sequence = payload.get("sequence_number", self._sequence)
        if isinstance(delta, str):  # Nearly all events.
            self.characters += len(delta)
            return False
        if payload.get("object") == "response":
            self.characters = sum(map(_characters, _items(payload)))
            self._end(payload)
        elif kind in _ENDS:
            self._end(part(payload, "response"))
        elif kind in ("response.created", "response.in_progress"):
            self._opened = part(payload, "response")
        elif kind == "error" or payload.get("error"):
            self.failed = part(payload, "error") or payload
        elif kind == "response.output_item.added":
            name = part(payload, "item").get("name")
            self.characters += len(name) if isinstance(name, str) else 0
            return False
        else:
            return False
        return True

    def cut_short(self) -> bytes:
        self._cut = True
        return b""

    def last_event(self) -> bytes:
        status = "incomplete" if self._cut else "completed"
        reason = {"reason": "max_output_tokens"} if self._cut else None
        return self._closing({"status": status, "incomplete_details": reason})

    def failure(self, error: ApiError, request_id: str | None) -> bytes:
        return self._closing({"status": "failed", "error": error_of(error)})

    def _closing(self, fields: Json) -> bytes:
        response = {"object": "response", "output": [], **self._opened, **fields}
        kind = f"response.{fields['status']}"
        number = self._sequence + 1 if isinstance(self._sequence, int) else 0
        return typed_event({"type": kind, "sequence_number": number, "response": response})

    def _end(self, response: Json) -> None:
        if response.get("status") == "failed":
            self.failed = part(response, "error")
        if usage := part(response, "usage"):
            self._reported = usage
            self._usage = _as_chat(usage)
        self.stopped = self.finished = self.failed is None and response.get("status") is not None


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
    """Count the output of a whole item."""
    written = sum(
        len(t) for n in ("name", "arguments", "input") if isinstance(t := item.get(n), str)
    )
    for name in ("content", "summary"):
        parts = item.get(name)
        for one in parts if isinstance(parts, list) else []:
            fields = one.get("text", one.get("refusal")) if isinstance(one, dict) else None
            written += len(fields) if isinstance(fields, str) else 0
    return written
