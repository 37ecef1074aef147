"""The interface of a wire, which the relay uses."""

from abc import ABC, abstractmethod
from typing import Any

from msgspec import Struct

from llmproxy.protocol import sse
from llmproxy.protocol.reports import Report
from llmproxy.relay.exchange import Exchange
from llmproxy.relay.stream import Leave, Opening, RelayedStream
from llmproxy.upstream.client import AttemptFailed, UpstreamAnswer


class Whole(Struct, frozen=True):
    """A whole answer: the body for the client, and the facts that the relay needs from it."""

    body: bytes
    characters: int
    report: Report | None
    id: str


class Beginning(ABC):
    """Reads the first events of a stream, until one of them has content.

    It keeps them, so that the stream does not parse them again.
    """

    def look(self, block: bytes) -> bytes | None:
        """Read whole events. Return the bytes after the first one with content, None without any.

        Raises ``AttemptFailed`` for an error, or the end of an empty answer.
        """
        events = list(sse.events(block))
        for number, event in enumerate(events, 1):
            if self.has_content(event):
                return b"".join(events[number:])
        return None

    @abstractmethod
    def has_content(self, event: bytes) -> bool:
        """Read and keep an event; return whether it has content. Raises as ``look``."""

    @abstractmethod
    def empty(self) -> AttemptFailed:
        """Return the failure of a stream that ended without content."""

    @abstractmethod
    def stream(self, exchange: Exchange, opening: Opening, leave: Leave) -> RelayedStream:
        """Return the events for the client."""


class Wire(ABC):
    """One request, in the form that one provider accepts.

    ``dialect`` is the dialect of the body; ``omitted`` names the fields of the client's request
    that the body does not contain.
    """

    path: str
    body: dict[str, Any]
    dialect: str = "chat"
    headers: tuple[tuple[str, str], ...] = ()
    omitted: tuple[str, ...] = ()

    @abstractmethod
    def request(self, *, model: str, max_output: int, limit: str) -> bytes:
        """Write the body; ``limit`` is the provider's name for chat's output limit."""

    @abstractmethod
    def read_whole(self, body: bytes) -> Whole:
        """Read a whole answer. Raises ``AttemptFailed`` if the body is not an answer."""

    @abstractmethod
    def beginning(self) -> Beginning:
        """Return an object that finds the first content of one stream."""

    @abstractmethod
    def streamed(self, answer: UpstreamAnswer, body: bytes) -> Opening:
        """Turn a whole answer into the requested stream. Raises ``AttemptFailed``."""
