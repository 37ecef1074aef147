"""Reading a single event of a provider's stream. Pure."""

from typing import Any, Final

from llmproxy.protocol import sse
from llmproxy.protocol.parsing import loads
from llmproxy.protocol.refusals import Refusal, error_in
from llmproxy.protocol.refusals import read as read_refusal

Chunk = dict[str, Any]


class _Sign:
    """The results for an event whose data is not an object."""


DONE: Final = _Sign()
NO_JSON: Final = _Sign()


Content = Chunk | Refusal | _Sign | None


def read(event: bytes) -> Content:
    """Return an event's chunk or error; ``DONE``, ``NO_JSON``, or None without data."""
    content = sse.data(event)
    if sse.name(event) == b"error":
        return read_refusal(content)
    if not content.strip():
        return None
    if content.strip() == b"[DONE]":
        return DONE
    try:
        value = loads(content)
    except ValueError:
        return NO_JSON
    return error_in(value) or (value if isinstance(value, dict) else NO_JSON)


def canonical(event: bytes, chunk: Chunk) -> bytes:
    """Return an event in the form that every client can read: one line of data."""
    content = sse.data(event)
    plain = b"data: %b\n\n" % content
    if event == plain:
        return event
    return sse.event(chunk) if content.find(b"\n") >= 0 else plain
