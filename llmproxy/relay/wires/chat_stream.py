"""A stream of chat completions: relayed as bytes, in whole events, and parsed only if needed."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from core.errors import ApiError
from llmproxy.protocol import events, sse
from llmproxy.protocol.calls import COMPLETIONS
from llmproxy.protocol.events import Chunk
from llmproxy.protocol.output import finished_choices, is_remarkable, output_characters
from llmproxy.protocol.plain import PlainChunks
from llmproxy.protocol.refusals import Refusal, error_in
from llmproxy.protocol.reports import report_in
from llmproxy.relay.exchange import Exchange
from llmproxy.relay.stream import Leave, Opening, RelayedStream
from llmproxy.upstream.client import failure_of

_NULL_USAGE = b',"usage":null'

ReadEvents = Iterable[tuple[bytes, events.Content]]


class ChatStream(RelayedStream):
    """``read`` contains the events that were read until the first content, parsed."""

    def __init__(
        self, exchange: Exchange, opening: Opening, leave: Leave, read: ReadEvents
    ) -> None:
        super().__init__(exchange, opening, leave)
        self._opening = read
        self._shows_usage = exchange.call.wants_usage
        self._choices = exchange.call.choices
        self._finished: set[int] = set()
        self._last: Chunk = {}
        self._plain = PlainChunks()

    @property
    def _has_finished(self) -> bool:
        return len(self._finished) >= self._choices

    def _read_opening(self) -> bytes:
        return b"".join([self._pass_content(*each) for each in self._opening])

    def _read(self, block: bytes) -> bytes:
        text = self._plain.text(block)
        if text is not None:
            return self._pass_plain(block, text)
        if block.endswith(sse.DONE):
            passed = self._read(rest) if (rest := block[: -len(sse.DONE)]) else b""
            return passed + self._pass_event(sse.DONE)
        chunks = sse.objects(block)
        if chunks is None:
            return b"".join([self._pass_event(event) for event in sse.events(block)])
        if any(map(is_remarkable, chunks)):
            return self._pass_mixed(block, chunks)
        return self._pass_simple(block, chunks)

    def _pass_plain(self, block: bytes, text: str) -> bytes:
        """Count the output of chunks that differ from the previous one only in their text."""
        self._closes = False
        self._exchange.tally.add(len(text), events=self._plain.chunks)
        return self._show_plain(block, text)

    def _pass_simple(self, block: bytes, chunks: list[Chunk]) -> bytes:
        """Count the output of chunks that contain nothing else, which is true of nearly all."""
        for chunk in chunks:
            self._exchange.tally.add(output_characters(chunk))
        self._last, self._closes = chunks[-1], False
        if len(chunks) == 1:
            self._plain.learn(block, chunks[0]["choices"][0].get("delta"))
        return self._show_simple(block, chunks)

    def _pass_mixed(self, block: bytes, chunks: list[Chunk]) -> bytes:
        """Read a block in which some chunks contain more than output, as at the end of a stream."""
        passed = []
        for is_more, run in groupby(zip(sse.events(block), chunks, strict=True), key=_holds_more):
            if self._done or self._error:
                break
            if is_more:
                passed += [
                    self._pass_content(event, error_in(chunk) or chunk) for event, chunk in run
                ]
            else:
                passed.append(self._pass_run(*zip(*run, strict=True)))
        return b"".join(passed)

    def _pass_run(self, events: tuple[bytes, ...], chunks: tuple[Chunk, ...]) -> bytes:
        block = b"".join(events)
        text = self._plain.text(block)
        if text is None:
            self._plain.learn(events[0], chunks[0]["choices"][0].get("delta"))
            text = self._plain.text(block)
        if text is None:
            return self._pass_simple(block, list(chunks))
        self._last = chunks[-1]
        return self._pass_plain(block, text)

    def _show_plain(self, block: bytes, text: str) -> bytes:
        """Return the bytes for the client from chunks that contain only this text."""
        return block if self._shows_usage else block.replace(_NULL_USAGE, b"")

    def _show_simple(self, block: bytes, chunks: list[Chunk]) -> bytes:
        """Return the bytes for the client from chunks that contain only output."""
        return block if self._shows_usage else block.replace(_NULL_USAGE, b"")

    def _show_chunk(self, event: bytes, chunk: Chunk) -> bytes:
        """Return the bytes for the client from a chunk that may contain usage."""
        if self._shows_usage or "usage" not in chunk:
            return events.canonical(event, chunk)
        if not chunk.get("choices"):
            return b""
        return sse.event({key: value for key, value in chunk.items() if key != "usage"})

    def _show_comment(self, event: bytes) -> bytes:
        """Return the bytes for the client from a comment."""
        return event

    def _pass_event(self, event: bytes) -> bytes:
        return self._pass_content(event, events.read(event))

    def _pass_content(self, event: bytes, content: events.Content) -> bytes:
        if content is events.DONE:
            self._done = not self._error
            self._exchange.note_usage(None, final=self._done)
        elif isinstance(content, Refusal):
            self._error = self._error or failure_of(content).error
            self._exchange.note_usage(None, final=False)
        elif content is events.NO_JSON:
            self._drop()
        elif isinstance(content, dict) and not (self._done or self._error):
            return self._pass_chunk(event, content)
        elif content is None and event.startswith(b":"):
            return self._show_comment(event)
        return b""

    def _pass_chunk(self, event: bytes, chunk: Chunk) -> bytes:
        characters = output_characters(chunk)
        self._exchange.tally.add(characters)
        self._finished |= finished_choices(chunk)
        # After the finish reason, a chunk without content ends the answer if `[DONE]` is missing.
        has_finished = self._has_finished
        self._last, self._closes = chunk, has_finished and not characters
        self._exchange.note_usage(report_in(chunk), final=has_finished)
        return self._show_chunk(event, chunk)

    def _cut_short(self) -> bytes:
        is_text = self._exchange.call.endpoint is COMPLETIONS
        nothing: dict[str, Any] = {"text": ""} if is_text else {"delta": {}}
        end = {**nothing, "logprobs": None, "finish_reason": "length"}
        ends = [{"index": index, **end} for index in range(self._choices)]
        chunk = {**self._last, "choices": ends}
        return self._show_chunk(sse.event(chunk), chunk)

    def _last_event(self) -> bytes:
        return sse.DONE

    def _failure(self, error: ApiError) -> bytes:
        return sse.event(error.body(self._exchange.request_id))


def _holds_more(event: tuple[bytes, Chunk]) -> bool:
    return is_remarkable(event[1])
