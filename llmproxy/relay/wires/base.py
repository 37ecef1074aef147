"""What the relay knows of a wire."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from llmproxy.protocol.reports import Report
from llmproxy.relay.exchange import Exchange
from llmproxy.relay.stream import Leave, Opening, RelayedStream
from llmproxy.upstream.client import AttemptFailed, UpstreamAnswer


class Whole(NamedTuple):
    """A whole answer: the body for the client, and what it says of itself."""

    body: bytes
    characters: int
    report: Report | None
    id: str


class Beginning(ABC):
    """Looks at the first events of a stream, until one of them holds content."""

    @abstractmethod
    def look(self, block: bytes) -> bool:
        """Tell whether a block of whole events begins to answer.

        Raises ``AttemptFailed`` for an error, or the end of an empty answer.
        """

    @abstractmethod
    def empty(self) -> AttemptFailed:
        """Return the failure of a stream that ended without content."""

    @abstractmethod
    def stream(self, exchange: Exchange, opening: Opening, leave: Leave) -> RelayedStream:
        """Return the events for the client."""


class Wire(ABC):
    """One request, in the form in which one provider is asked.

    ``dialect`` is the one of the body; ``omitted`` names the fields of the client's request that
    it does not carry.
    """

    path: str
    body: dict[str, Any]
    dialect: str = "chat"
    headers: tuple[tuple[str, str], ...] = ()
    omitted: tuple[str, ...] = ()

    @abstractmethod
    def request(self, *, model: str, max_output: int, limit: str) -> bytes:
        """Write the body; ``limit`` is the provider's name for the output limit of chat."""

    @abstractmethod
    def read_whole(self, body: bytes) -> Whole:
        """Read a whole answer. Raises ``AttemptFailed`` if it is none."""

    @abstractmethod
    def beginning(self) -> Beginning:
        """Return what looks for the content of one stream."""

    @abstractmethod
    def streamed(self, answer: UpstreamAnswer, body: bytes) -> Opening:
        """Turn a whole answer into the stream that was asked for. Raises ``AttemptFailed``."""
