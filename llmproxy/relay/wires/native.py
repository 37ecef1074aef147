"""Messages and Responses for a provider that supports them: relayed as bytes."""

from llmproxy.errors import UpstreamError
from llmproxy.protocol import calls
from llmproxy.protocol.calls import Call
from llmproxy.protocol.dialects import DIALECTS, NativeReader
from llmproxy.providers.base import printable
from llmproxy.relay.exchange import Exchange
from llmproxy.relay.stream import Leave, Opening, RelayedStream
from llmproxy.relay.wires.base import Beginning, Whole, Wire
from llmproxy.relay.wires.native_stream import NativeStream, Payload, failure, payload_of
from llmproxy.upstream.client import AttemptFailed, UpstreamAnswer, empty, failure_in, object_in


class NativeWire(Wire):
    def __init__(self, call: Call) -> None:
        self.path = call.endpoint.path
        self.body = call.body
        self.dialect = call.endpoint.dialect
        self.headers = call.headers
        self.omitted = call.omitted
        self._call = call

    def request(self, *, model: str, max_output: int, limit: str) -> bytes:
        return calls.for_upstream(self._call, model=model, max_output=max_output)

    def read_whole(self, body: bytes) -> Whole:
        content = object_in(body)
        reader = DIALECTS[self.dialect].native_reader()
        reader.add(content)
        if reader.failed is not None:
            raise failure(reader.failed)
        if not reader.finished:
            raise empty(reader.report) if content.get("type") == "message" else failure_in(body)
        return Whole(body, reader.characters, reader.report, printable(content.get("id")))

    def beginning(self) -> Beginning:
        return _NativeBeginning(DIALECTS[self.dialect].native_reader(), self.dialect)

    def streamed(self, answer: UpstreamAnswer, body: bytes) -> Opening:
        answer.close()
        self.read_whole(body)  # Raises if it is an error.
        raise AttemptFailed(UpstreamError(), outcome="not_streamed", status=200)


class _NativeBeginning(Beginning):
    def __init__(self, reader: NativeReader, dialect: str) -> None:
        self._reader = reader
        self._dialect = dialect
        self._read: list[tuple[bytes, Payload | None]] = []

    def has_content(self, event: bytes) -> bool:
        payload = payload_of(event)
        self._read.append((event, payload))
        if payload:
            self._reader.add(payload)
        if self._reader.failed is not None:
            raise failure(self._reader.failed)
        return bool(self._reader.characters or self._reader.stopped)

    def empty(self) -> AttemptFailed:
        # The figures at the start of a stream are not yet what the provider bills.
        return empty(self._reader.report if self._reader.usage else None)

    def stream(self, exchange: Exchange, opening: Opening, leave: Leave) -> RelayedStream:
        reader = DIALECTS[self._dialect].native_reader()
        return NativeStream(exchange, opening, leave, reader, self._read)
