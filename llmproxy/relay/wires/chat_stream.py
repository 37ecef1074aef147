"""A stream of chat completions: bytes through in whole events, read only where it may matter."""

from typing import Any

from core.errors import ApiError
from llmproxy.protocol import events, sse
from llmproxy.protocol.calls import COMPLETIONS
from llmproxy.protocol.events import Chunk
from llmproxy.protocol.output import finished_choices, is_remarkable, output_characters
from llmproxy.protocol.plain import PlainChunks
from llmproxy.protocol.refusals import Refusal
from llmproxy.protocol.reports import report_in
from llmproxy.relay.exchange import Exchange
from llmproxy.relay.stream import Leave, Opening, RelayedStream
from llmproxy.upstream.client import failure_of


class ChatStream(RelayedStream):
    def __init__(self, exchange: Exchange, opening: Opening, leave: Leave) -> None:
        super().__init__(exchange, opening, leave)
        self._shows_usage = exchange.call.wants_usage
        self._choices = exchange.call.choices
        self._finished: set[int] = set()
        self._last: Chunk = {}
        self._plain = PlainChunks()

    @property
    def _has_finished(self) -> bool:
        return len(self._finished) >= self._choices

    def _read(self, block: bytes) -> bytes:
        characters = self._plain.characters(block)
        if characters is not None:
            self._closes = False
            self._exchange.tally.add(characters, events=block.count(b"\n\n"))
            return self._shown(block)
        chunks = sse.objects(block)
        if chunks is not None and not any(map(is_remarkable, chunks)):
            return self._pass_simple(block, chunks)
        return b"".join([self._pass_event(event) for event in sse.events(block)])

    def _pass_simple(self, block: bytes, chunks: list[Chunk]) -> bytes:
        """Count the output of chunks that hold nothing else, as nearly all do."""
        for chunk in chunks:
            self._exchange.tally.add(output_characters(chunk))
        self._last, self._closes = chunks[-1], False
        if len(chunks) == 1:
            self._plain.learn(block, chunks[0]["choices"][0].get("delta"))
        return self._shown(block)

    def _shown(self, block: bytes) -> bytes:
        return block if self._shows_usage else block.replace(b',"usage":null', b"")

    def _pass_event(self, event: bytes) -> bytes:
        said = events.read(event)
        if said is events.DONE:
            self._done = not self._error
            self._exchange.note_usage(None, final=self._done)
        elif isinstance(said, Refusal):
            self._error = self._error or failure_of(said).error
            self._exchange.note_usage(None, final=False)
        elif said is events.NO_JSON:
            self._drop()
        elif isinstance(said, dict) and not (self._done or self._error):
            return self._pass_chunk(event, said)
        elif said is None and event.startswith(b":"):
            return event
        return b""

    def _pass_chunk(self, event: bytes, chunk: Chunk) -> bytes:
        characters = output_characters(chunk)
        self._exchange.tally.add(characters)
        self._finished |= finished_choices(chunk)
        # What says nothing more after the finish is the end, if the provider forgets `[DONE]`.
        self._last, self._closes = chunk, self._has_finished and not characters
        self._exchange.note_usage(report_in(chunk), final=self._has_finished)
        if self._shows_usage or "usage" not in chunk:
            return events.canonical(event, chunk)
        if not chunk.get("choices"):
            return b""
        return sse.event({key: value for key, value in chunk.items() if key != "usage"})

    def _cut_short(self) -> bytes:
        is_text = self._exchange.call.endpoint is COMPLETIONS
        nothing: dict[str, Any] = {"text": ""} if is_text else {"delta": {}}
        end = {**nothing, "logprobs": None, "finish_reason": "length"}
        ends = [{"index": index, **end} for index in range(self._choices)]
        return sse.event({**self._last, "choices": ends})

    def _last_event(self) -> bytes:
        return sse.DONE

    def _failure(self, error: ApiError) -> bytes:
        return sse.event(error.body(self._exchange.request_id))
