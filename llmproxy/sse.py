"""Server-sent events as OpenAI-compatible upstreams send them. Pure.

https://html.spec.whatwg.org/multipage/server-sent-events.html, of which such streams use `data:`
lines and comments. Bytes are relayed in whole events, so that what a network splits (inside a
character, inside `data:`) leaves here whole.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from llmproxy.parsing import dumps, loads

# Bytes that one event may have. An image in one is a few million.
LARGEST = 32_000_000

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"

# A quote inside JSON text is escaped, so these keys cannot be spelled by a model's answer.
# One pattern for each: Python searches fast for those that begin with plain text.
_REMARKABLE = [
    re.compile(pattern)
    for pattern in (
        rb'"usage"\s*:\s*\{',
        rb'"error"\s*:',
        rb'"finish_reason"\s*:\s*"',
        rb"data:\s*\[DONE\]",
    )
]
_EVENT_END = re.compile(rb"\n\r?\n|\r\r")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class TooLarge(Exception):
    """An event that does not end within ``LARGEST`` bytes."""


class EventSplitter:
    """Takes bytes as they come and gives them back in blocks of whole events."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._tail = b""
        self._length = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return everything up to the last whole event's end; b"" when none has ended yet.

        Raises ``TooLarge``.
        """
        end = _last_end(self._tail + chunk) - len(self._tail)
        if end <= 0:
            self._parts.append(chunk)
            self._tail = (self._tail + chunk)[-3:]
            self._length += len(chunk)
            if self._length > LARGEST:
                raise TooLarge
            return b""
        block = b"".join([*self._parts, chunk[:end]])
        rest = chunk[end:]
        self._parts = [rest] if rest else []
        self._tail = rest[-3:]
        self._length = len(rest)
        return block

    def rest(self) -> bytes:
        """Return what came after the last whole event."""
        return b"".join(self._parts)


def divide(block: bytes) -> tuple[bytes, bytes]:
    """Return the events that need not be parsed, and those from the first remarkable one on.

    Remarkable is what may hold usage, an error or an end.
    """
    found = [match.start() for pattern in _REMARKABLE if (match := pattern.search(block))]
    if not found:
        return block, b""
    start = _last_end(block[: min(found)])
    return block[:start], block[start:]


def split(block: bytes) -> list[bytes]:
    """Return the single events of a block, each with its own end."""
    return list(events(block))


def events(block: bytes) -> Iterator[bytes]:
    """Yield the single events of a block, each with its own end, as they are wanted."""
    start = 0
    for end in _EVENT_END.finditer(block):
        yield block[start : end.end()]
        start = end.end()
    if start < len(block):
        yield block[start:]


def data(event: bytes) -> bytes:
    """Return an event's data, its lines joined; b"" for comments."""
    lines = [
        line[5:].removeprefix(b" ") for line in _LINE_END.split(event) if line.startswith(b"data:")
    ]
    return b"\n".join(lines)


def payloads(block: bytes) -> list[dict[str, Any] | None]:
    """Return what the events of a block carry, as ``payload`` does for one."""
    if block.startswith(b"data: ") and block.endswith(b"\n\n"):
        # As providers write them: then one array does, for JSON holds no bare line ends.
        try:
            values = orjson.loads(b"[" + block[6:-2].replace(b"\n\ndata: ", b",") + b"]")
        except orjson.JSONDecodeError:
            pass
        else:
            return [value if isinstance(value, dict) else None for value in values]
    return [payload(event) for event in split(block)]


def payload(event: bytes) -> dict[str, Any] | None:
    """Return the JSON object that an event carries, or None."""
    try:
        value = loads(data(event))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def event(value: Any) -> bytes:
    """Serialize one event."""
    return b"data: " + dumps(value) + b"\n\n"


def _last_end(data: bytes) -> int:
    """Return where the last event of the data ends, or 0."""
    ends = (data.rfind(b"\n\n") + 2, data.rfind(b"\n\r\n") + 3, data.rfind(b"\r\r") + 2)
    return max(
        (end for end, length in zip(ends, (2, 3, 2), strict=True) if end >= length), default=0
    )
