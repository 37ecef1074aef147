"""Server-sent events as OpenAI-compatible upstreams send them. Pure.

https://html.spec.whatwg.org/multipage/server-sent-events.html, of which such streams use `data:`
lines and comments. Bytes are relayed in whole events, so that what a network splits (inside a
character, inside `data:`) leaves here whole.
"""

import re
from typing import Any

import orjson

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"

# A quote inside JSON text is escaped, so these keys cannot be spelled by a model's answer.
_REMARKABLE = re.compile(rb'"usage"\s*:\s*\{|"error"\s*:|"finish_reason"\s*:\s*"|data:\s*\[DONE\]')
_EVENT_END = re.compile(rb"\n\r?\n|\r\r")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventSplitter:
    """Takes bytes as they come and gives them back in blocks of whole events."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._tail = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return everything up to the last whole event's end; b"" when none has ended yet."""
        end = _last_end(self._tail + chunk) - len(self._tail)
        if end <= 0:
            self._parts.append(chunk)
            self._tail = (self._tail + chunk)[-3:]
            return b""
        block = b"".join([*self._parts, chunk[:end]])
        rest = chunk[end:]
        self._parts = [rest] if rest else []
        self._tail = rest[-3:]
        return block

    def rest(self) -> bytes:
        """Return what came after the last whole event."""
        return b"".join(self._parts)


def is_remarkable(block: bytes) -> bool:
    """Tell whether a block may hold usage, an error or an end; else it need not be parsed."""
    return _REMARKABLE.search(block) is not None


def split(block: bytes) -> list[bytes]:
    """Return the single events of a block, each with its own end."""
    events = []
    start = 0
    for end in _EVENT_END.finditer(block):
        events.append(block[start : end.end()])
        start = end.end()
    if start < len(block):
        events.append(block[start:])
    return events


def data(event: bytes) -> bytes:
    """Return an event's data, its lines joined; b"" for comments."""
    lines = [
        line[5:].removeprefix(b" ") for line in _LINE_END.split(event) if line.startswith(b"data:")
    ]
    return b"\n".join(lines)


def payload(event: bytes) -> dict[str, Any] | None:
    """Return the JSON object that an event carries, or None."""
    try:
        value = orjson.loads(data(event))
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def event(value: Any) -> bytes:
    """Serialize one event."""
    return b"data: " + orjson.dumps(value, default=str) + b"\n\n"


def _last_end(data: bytes) -> int:
    """Return where the last event of the data ends, or 0."""
    ends = (data.rfind(b"\n\n") + 2, data.rfind(b"\n\r\n") + 3, data.rfind(b"\r\r") + 2)
    return max(
        (end for end, length in zip(ends, (2, 3, 2), strict=True) if end >= length), default=0
    )
