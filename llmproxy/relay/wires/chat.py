"""The endpoints that every provider supports: chat completions, completions and embeddings.

Some providers answer a request for a stream with one whole JSON answer, or the reverse.
"""

from typing import Any

from llmproxy.protocol import answers, calls, events, sse
from llmproxy.protocol.calls import Call
from llmproxy.protocol.output import finished_choices, output_characters
from llmproxy.protocol.parsing import dumps
from llmproxy.protocol.refusals import Refusal, error_in
from llmproxy.protocol.reports import Report, merged, report_in
from llmproxy.providers.base import printable
from llmproxy.relay.exchange import Exchange
from llmproxy.relay.stream import Leave, Opening, RelayedStream
from llmproxy.relay.wires.base import Beginning, Whole, Wire
from llmproxy.relay.wires.chat_stream import ChatStream
from llmproxy.upstream.client import (
    AttemptFailed,
    UpstreamAnswer,
    empty,
    failure_in,
    failure_of,
    object_in,
)

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")


class ChatWire(Wire):
    def __init__(self, call: Call) -> None:
        self.path = call.endpoint.path
        self.body = call.body
        self._call = call

    def request(self, *, model: str, max_output: int, limit: str) -> bytes:
        return calls.for_upstream(self._call, model=model, max_output=max_output, limit=limit)

    def read_whole(self, body: bytes) -> Whole:
        body, content = read_object(body)
        return self._whole(body, content)

    def _whole(self, body: bytes, content: dict[str, Any]) -> Whole:
        field = self._call.endpoint.answer
        if error_in(content) or field not in content:
            raise failure_in(body)
        report, characters = report_in(content), output_characters(content)
        if not characters and answers.is_empty(content, field):
            raise empty(report)
        return Whole(body, characters, report, printable(content.get("id")))

    def beginning(self) -> Beginning:
        return ChatBeginning()

    def streamed(self, answer: UpstreamAnswer, body: bytes) -> Opening:
        body, content = read_object(body)
        if error_in(content) or "choices" not in content:
            raise failure_in(body)
        if answers.is_empty(content, "choices"):
            raise empty(report_in(content))
        events = answers.as_stream(content)
        return Opening(answer, sse.EventSplitter(), events, self.beginning().stream)


class ChatBeginning(Beginning):
    def __init__(self) -> None:
        self.read: list[tuple[bytes, events.Content]] = []
        self._report: Report | None = None

    def has_content(self, event: bytes) -> bool:
        content = events.read(event)
        self.read.append((event, content))
        if isinstance(content, Refusal):
            raise failure_of(content)
        if content is events.DONE:
            raise self.empty()
        if isinstance(content, dict):
            if output_characters(content) or finished_choices(content):
                return True
            self._report = merged(self._report, report_in(content))
        return False

    def empty(self) -> AttemptFailed:
        return empty(self._report)

    def stream(self, exchange: Exchange, opening: Opening, leave: Leave) -> RelayedStream:
        return ChatStream(exchange, opening, leave, self.read)


def read_object(body: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return a whole JSON answer, as bytes and parsed. A stream is assembled into one.

    Raises ``AttemptFailed`` if it is neither.
    """
    body = body.removeprefix(b"\xef\xbb\xbf").strip()
    if body.startswith(_FIELDS):
        content = _put_together(body)
        return dumps(content), content
    return body, object_in(body)


def _put_together(body: bytes) -> dict[str, Any]:
    chunks = []
    report: Report | None = None
    for event in sse.events(body):
        content = events.read(event)
        if isinstance(content, Refusal):
            raise failure_of(content)
        if isinstance(content, dict):
            chunks.append(content)
            report = merged(report, report_in(content))
    if not chunks:
        raise empty(report)
    return answers.as_answer(chunks)
