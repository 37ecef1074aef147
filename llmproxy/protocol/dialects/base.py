"""The interface of a dialect, which the relay uses for Messages and Responses.

    dialect.exchange(request, target, reply)   the request in chat completions
        .chat, .omitted
        .answer(chat_answer)                   the JSON answer in the client's dialect
        .stream()                              the same for a stream, event by event
    dialect.error_body(error, request_id)      an error in the client's dialect
    dialect.failure(error, request_id)         the same as the event that ends a stream
    dialect.native_reader()                    reads a provider that supports the dialect

All of it is pure: identifiers and times are passed in with ``Reply``.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

from core.errors import ApiError
from llmproxy.protocol import reports, sse
from llmproxy.protocol.dialects.fields import Target
from llmproxy.protocol.parsing import dumps
from llmproxy.protocol.reports import Report

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """The facts of an answer. ``id`` has no prefix; ``created`` is in Unix seconds.

    ``prompt_tokens`` is our estimate for the start of a stream, before the provider reports usage.
    """

    id: str
    created: int = 0
    model: str = ""
    prompt_tokens: int = 0


@dataclass
class Exchange(ABC):
    """One translated request, and the translation of its answer."""

    chat: Json
    reply: Reply
    omitted: list[str] = field(default_factory=list)

    @abstractmethod
    def answer(self, chat: Json) -> Json:
        """Translate a whole answer."""

    @abstractmethod
    def stream(self) -> "StreamTranslator":
        """Return a translator for one stream."""


class StreamTranslator(ABC):
    """Translates a chat stream, split at any byte, to events of the client's dialect.

    ``complete`` is set when the upstream has reported that the answer is complete. The end is
    written once, by the first call of ``finish`` or ``error``.
    """

    def __init__(self) -> None:
        self.complete = False
        self.ended = False
        self._splitter = sse.EventSplitter()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the events for some bytes of the upstream.

        Raises ``sse.TooLarge``.
        """
        block = self._splitter.feed(data)
        return self.read(block) if block else []

    def read(self, block: bytes) -> list[bytes]:
        """Return the events for a block of whole events."""
        events: list[bytes] = []
        for raw in sse.events(block):
            if sse.data(raw) == b"[DONE]":
                self.complete = True
            elif not self.ended and (chunk := sse.payload(raw)) is not None:
                events += self._translate(chunk)
        return events

    def chunk(self, chunk: Json) -> list[bytes]:
        """Return the events for one parsed chunk."""
        return [] if self.ended else self._translate(chunk)

    def text(self, text: str) -> list[bytes]:
        """Return the events for chunks that contain only text of the answer."""
        return [] if self.ended else self._text(text)

    def finish(self) -> list[bytes]:
        """Return the last events, or an error's if the upstream ended too early."""
        events = self.read(rest) if (rest := self._splitter.rest()) else []
        if self.ended:
            return events
        if not self.complete:
            return [*events, *self.error(_BrokenOff())]
        self.ended = True
        return [*events, *self._end()]

    def error(self, error: ApiError) -> list[bytes]:
        """Return the events that end a stream that has failed."""
        if self.ended:
            return []
        self.ended = True
        return self._fail(error)

    def keep_alive(self) -> bytes:
        """Return the bytes that keep a silent connection open."""
        return sse.KEEP_ALIVE

    def _translate(self, chunk: Json) -> list[bytes]:
        if isinstance(chunk.get("error"), dict):
            return self.error(upstream_error(chunk["error"]))
        return self._chunk(chunk)

    @abstractmethod
    def _chunk(self, chunk: Json) -> list[bytes]: ...

    @abstractmethod
    def _text(self, text: str) -> list[bytes]: ...

    @abstractmethod
    def _end(self) -> list[bytes]: ...

    @abstractmethod
    def _fail(self, error: ApiError) -> list[bytes]: ...


class NativeReader(ABC):
    """Reads a native answer or its events: usage, output, end and error. Changes nothing.

    ``usage`` is an object with chat's field names, or None until the provider has reported it.
    ``stopped`` is set when the model has finished, ``finished`` when the answer has ended.
    """

    def __init__(self) -> None:
        self.characters = 0
        self.stopped = False
        self.finished = False
        self.failed: Json | None = None

    @property
    @abstractmethod
    def usage(self) -> Json | None: ...

    @property
    def report(self) -> Report | None:
        """Return the figures reported so far. The prompt's may come first."""
        return reports.read(self.usage)

    @abstractmethod
    def add(self, payload: Json) -> bool:
        """Read one event or a whole answer. Returns whether it contains more than output."""

    @abstractmethod
    def cut_short(self) -> bytes:
        """Return the events that end an answer at its token limit, except the last one."""

    @abstractmethod
    def last_event(self) -> bytes:
        """Return the event that ends the answer, for providers that do not send it."""

    @abstractmethod
    def failure(self, error: ApiError, request_id: str | None) -> bytes:
        """Return the event that ends the stream with an error."""


class Dialect(ABC):
    """One of the APIs that clients can use."""

    name: str

    @abstractmethod
    def exchange(self, request: Json, target: Target, reply: Reply) -> Exchange:
        """Translate a request. Raises ``InvalidRequest`` with the field's name."""

    @abstractmethod
    def error_body(self, error: ApiError, request_id: str | None) -> Json:
        """Return an error in the dialect's shape."""

    @abstractmethod
    def failure(self, error: ApiError, request_id: str | None) -> bytes:
        """Return the event that ends a stream with an error before its first content."""

    @abstractmethod
    def native_reader(self) -> NativeReader:
        """Return a reader for one answer of a provider that supports the dialect."""


class UpstreamFailed(ApiError):
    """An error that the upstream reported within its stream."""

    status = 502
    code = "upstream_error"
    message = "The upstream failed."


class _BrokenOff(UpstreamFailed):
    message = "The upstream ended the stream before the answer was complete."
    retryable = True


def upstream_error(reported: Json) -> UpstreamFailed:
    """Read an in-band error of an upstream."""
    message, code = reported.get("message"), reported.get("code")
    error = UpstreamFailed(message if isinstance(message, str) else None)
    if isinstance(code, int) and 400 <= code < 600:
        error.status = code
    return error


def typed_event(payload: Json) -> bytes:
    """Serialize an event with its type as its name, as both vendors do."""
    return b"event: " + str(payload["type"]).encode() + b"\ndata: " + dumps(payload) + b"\n\n"


def choice_of(answer: Json) -> Json:
    """Return the first choice of an answer or a chunk; empty when there is none."""
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def part(value: Json, name: str) -> Json:
    """Return an object within an object, or an empty one if it is missing."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def count(value: Any) -> int:
    """Read a number of tokens; 0 for anything else."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return max(value, 0) if whole else 0
