"""A stream of Messages or Responses from its provider: read, and relayed unchanged."""

from collections.abc import Iterable
from typing import Any

from core.errors import ApiError
from llmproxy.protocol import refusals, sse
from llmproxy.protocol.dialects import NativeReader
from llmproxy.protocol.parsing import loads
from llmproxy.protocol.plain import PlainChunks
from llmproxy.relay.exchange import Exchange
from llmproxy.relay.stream import Leave, Opening, RelayedStream
from llmproxy.upstream.client import AttemptFailed, failure_of

Payload = dict[str, Any]

_NO_JSON: Payload = {}


class NativeStream(RelayedStream):
    """``read`` contains the events that were read until the first content, parsed.

    ``reader`` has not read them: it counts what the client is sent.
    """

    def __init__(
        self,
        exchange: Exchange,
        opening: Opening,
        leave: Leave,
        reader: NativeReader,
        read: Iterable[tuple[bytes, Payload | None]],
    ) -> None:
        super().__init__(exchange, opening, leave)
        self._opening = read
        self._reader = reader
        self._last = b""
        self._plain = PlainChunks()

    @property
    def _has_finished(self) -> bool:
        return self._reader.stopped

    def _read_opening(self) -> bytes:
        return b"".join([self._pass_parsed(*each) for each in self._opening])

    def _read(self, block: bytes) -> bytes:
        text = self._plain.text(block)
        if text is not None:
            self._exchange.tally.add(len(text), events=self._plain.chunks)
            return block
        return b"".join([self._pass_event(event) for event in sse.events(block)])

    def _pass_event(self, event: bytes) -> bytes:
        if self._done or self._error:
            return b""
        text = self._plain.text(event)
        if text is not None:
            self._exchange.tally.add(len(text))
            return event
        return self._pass_parsed(event, payload_of(event))

    def _pass_parsed(self, event: bytes, payload: Payload | None) -> bytes:
        if self._done or self._error:
            return b""
        if payload is None:
            return event if event.startswith(b":") else b""
        if payload is _NO_JSON:
            self._drop()
            return b""
        return self._pass_payload(event, payload)

    def _pass_payload(self, event: bytes, payload: Payload) -> bytes:
        reader, before = self._reader, self._reader.characters
        says_more = reader.add(payload)
        self._exchange.tally.add(reader.characters - before)
        if not says_more:
            self._plain.learn(event, payload.get("delta"))
            return event
        if reader.failed is not None:
            self._error = failure(reader.failed).error
            self._exchange.note_usage(reader.report, final=False)
            return b""
        self._exchange.note_usage(reader.report, final=reader.stopped or reader.finished)
        self._closes = reader.stopped
        if reader.finished:
            self._done, self._last = True, event
            return b""
        return event

    def _cut_short(self) -> bytes:
        return self._reader.cut_short()

    def _last_event(self) -> bytes:
        return self._last or self._reader.last_event()

    def _failure(self, error: ApiError) -> bytes:
        return self._reader.failure(error, self._exchange.request_id)


def payload_of(event: bytes) -> Payload | None:
    """Return the object of an event: empty if the data is not JSON, None if there is no data.

    ``[DONE]`` does not end streams of these dialects. Some gateways send it after the last event.
    """
    content = sse.data(event).strip()
    if not content or content == b"[DONE]":
        return None
    try:
        value = loads(content)
    except ValueError:
        return _NO_JSON
    if not isinstance(value, dict) or not value:
        return _NO_JSON
    if "type" not in value and sse.name(event):
        value["type"] = sse.name(event).decode("utf-8", "replace")
    return value


def failure(reported: dict[str, Any]) -> AttemptFailed:
    """Turn an error in the dialect, sent with status 200, into a failed attempt."""
    return failure_of(refusals.from_json({"error": reported}))
