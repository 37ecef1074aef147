"""Parsing server-sent events of OpenAI-compatible upstreams. Pure.

https://html.spec.whatwg.org/multipage/server-sent-events.html: a byte order mark, any line endings,
several `data:` lines in one event, and fields that are ignored. Bytes are relayed in whole events,
so events that the network splits (inside a character, inside `data:`) reach the client whole.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from llmproxy.protocol.parsing import dumps, loads

# The largest event, in bytes. An event with an image has a few million.
LARGEST = 32_000_000

DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": keep-alive\n\n"

_BOM = b"\xef\xbb\xbf"
_CR, _LF = b"\r\n"  # `in` finds a byte by its number in a tenth of the time
# Two consecutive line endings: CRLF, LF or CR, in any combination.
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r)")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class TooLarge(Exception):
    """An event that does not end within ``LARGEST`` bytes."""


class EventSplitter:
    """Splits incoming bytes into blocks of whole events."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._tail = b""
        self._length = 0
        self._is_first = True

    def feed(self, chunk: bytes) -> bytes:
        """Return everything up to the end of the last whole event; b"" if none has ended yet.

        Raises ``TooLarge``.
        """
        if self._is_first and chunk:
            self._is_first = False
            chunk = chunk.removeprefix(_BOM)
        if not self._parts and chunk.endswith(b"\n\n"):
            return chunk  # Only whole events, as most providers send them.
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
        """Return the bytes after the last whole event."""
        return b"".join(self._parts)


def split(block: bytes) -> list[bytes]:
    """Return the single events of a block, each with its own end."""
    return list(events(block))


def events(block: bytes) -> Iterator[bytes]:
    """Yield the single events of a block, each with its own end."""
    start = 0
    for end in _ends_with_cr(block) if _CR in block else _ends(block):
        yield block[start:end]
        start = end
    if start < len(block):
        yield block[start:]


def _ends(block: bytes) -> Iterator[int]:
    """Yield where each event ends, in a block of which all lines end with LF."""
    end = block.find(b"\n\n")
    while end >= 0:
        yield end + 2
        end = block.find(b"\n\n", end + 2)


def _ends_with_cr(block: bytes) -> Iterator[int]:
    return (end.end() for end in _EVENT_END.finditer(block))


def data(event: bytes) -> bytes:
    """Return an event's data, its lines joined; b"" for comments."""
    if event.startswith(b"data: ") and event.endswith(b"\n\n"):  # The form that providers use.
        content = event[6:-2]
        if _LF not in content and _CR not in content:
            return content
    if event.startswith(b"event: ") and event.endswith(b"\n\n") and _CR not in event:
        first = event.find(b"\n")
        is_named = event.startswith(b"data: ", first + 1)
        if is_named and event.find(b"\n", first + 1) == len(event) - 2:
            return event[first + 7 : -2]
    return b"\n".join(_field(event, b"data"))


def name(event: bytes) -> bytes:
    """Return the event's name, b"" if it has none."""
    return (_field(event, b"event") or [b""])[-1] if event.find(b"event") >= 0 else b""


def _field(event: bytes, name: bytes) -> list[bytes]:
    lines = [line.partition(b":") for line in _LINE_END.split(event.removeprefix(_BOM))]
    return [value.removeprefix(b" ") for field, _, value in lines if field == name]


def objects(block: bytes) -> list[dict[str, Any]] | None:
    """Return the objects of a block of plain ``data: {…}`` events; None if it has others."""
    if not (block.startswith(b"data: {") and block.endswith(b"}\n\n")) or _CR in block:
        return None
    # One array is parsed: JSON contains no unescaped line ends.
    text = block[6:-2]
    several = _LF in text
    try:
        value = orjson.loads(b"[%b]" % text.replace(b"\n\ndata: ", b",") if several else text)
    except orjson.JSONDecodeError:
        return None
    if not several:
        return [value]
    return value if all(type(each) is dict for each in value) else None


def payload(event: bytes) -> dict[str, Any] | None:
    """Return the JSON object of an event, or None."""
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
    end = data.rfind(b"\n\n") + 2
    if _CR in data:
        ends = [(data.rfind(mark), len(mark)) for mark in (b"\n\r\n", b"\r\r", b"\n\r", b"\r\n\r")]
        end = max(end, *(found + length for found, length in ends if found >= 0), 1)
    return end if end > 1 else 0
