"""Relaying a stream: bytes through in whole events, read only where usage or an error may be."""

from collections.abc import AsyncGenerator, Callable
from typing import Any, NamedTuple

import structlog
from django.conf import settings

from core.errors import ApiError
from core.instruments import of
from llmproxy import metrics
from llmproxy.errors import UpstreamError, UpstreamTimeout
from llmproxy.protocol import events, sse
from llmproxy.protocol.calls import CHAT
from llmproxy.protocol.events import Chunk
from llmproxy.protocol.output import finished_choices, is_remarkable, output_characters
from llmproxy.protocol.plain import PlainChunks
from llmproxy.protocol.refusals import Refusal
from llmproxy.protocol.reports import report_in
from llmproxy.relay.exchange import Exchange, Status
from llmproxy.routing import health
from llmproxy.upstream.client import AttemptFailed, UpstreamAnswer, failure_of

log = structlog.get_logger("tokengate.proxy")


# For `[DONE]`, when all else has been said: some providers never say it, and hang on.
_AFTER_ALL_SECONDS = 1.0


class Opening(NamedTuple):
    """A stream whose content has begun: what came so far, and the rest to be read."""

    answer: UpstreamAnswer
    splitter: sse.EventSplitter
    block: bytes


def told_of(error: ApiError, exchange: Exchange) -> bytes:
    """Return the event that ends a stream with an error, and says what was charged for it."""
    receipt = exchange.receipt
    provisional = receipt is not None and not receipt.final
    error.facts.update(charged=exchange.charged, charge_is_provisional=provisional)
    error.message += f" {exchange.charged} tokens were charged"
    error.message += ", until the provider tells its final usage." if provisional else "."
    return sse.event(error.body(exchange.request_id))


class RelayedStream:
    """The events for the client. Whoever has one must ``aclose`` it: that settles the request.

    ``leave`` takes over what is closed before its end.
    """

    def __init__(self, exchange: Exchange, opening: Opening, leave: "Leave") -> None:
        self._exchange = exchange
        self._leave = leave
        self._answer = opening.answer
        self._splitter = opening.splitter
        self._shows_usage = exchange.call.wants_usage
        self._most_output = exchange.most_output + exchange.call.echoed
        self._choices = exchange.call.choices
        self._finished: set[int] = set()
        self._silence = 0.0
        self._done = self._closes = False
        self._last: Chunk = {}
        self._plain = PlainChunks()
        self._error: UpstreamError | None = None
        exchange.content_began()
        self._first = opening.block
        self._parts = self._relay()

    def __aiter__(self) -> "RelayedStream":
        return self

    async def __anext__(self) -> bytes:
        return await self._parts.__anext__()

    async def aclose(self) -> None:
        """End the stream wherever it is. One that has not ended is read on, or cancelled."""
        await self._parts.aclose()
        if self._done or self._error:
            if self._done and not self._exchange.is_closing:
                self._exchange.leave()  # The client has gone before it was sent the end.
            self._close()
            self.let_go()
        else:
            self._leave(self._exchange, self)

    async def drain(self) -> None:
        """Read to the end, or to an error, without anybody to send it to."""
        if self._first:  # Nobody has begun to read: all of the answer may be in it.
            self._pass(self._take_first())
        while not (self._done or self._error):
            self._pass(await self._next_block())

    def _take_first(self) -> bytes:
        block, self._first = self._first, b""
        return block

    def let_go(self) -> None:
        """Let the provider's connection end by itself if its answer has, else cancel it."""
        if self._done and not self._exchange.cut_short:
            self._answer.finish()
        else:
            self._answer.close()

    async def _relay(self) -> AsyncGenerator[bytes]:
        passed = self._pass(self._take_first())
        self._exchange.write_down()
        while True:
            if passed:
                yield passed
            if self._done or self._error:
                break
            passed = self._pass(await self._next_block())
        if self._error and self._exchange.route:
            broken = AttemptFailed(self._error, outcome="broke_off")
            health.failed(self._exchange.route, broken)
        # Settled before the client hears of the end: they may leave, or ask for the balance, then.
        self._close()
        await self._exchange.closed()
        yield told_of(self._error, self._exchange) if self._error else sse.DONE

    def _close(self) -> None:
        self._exchange.broke_off = self._error is not None
        self._exchange.close(Status.FAILED if self._error else Status.OK)

    async def _next_block(self) -> bytes:
        """Return whole events, or a comment after a while of silence; sets how the stream ended."""
        try:
            pause = min(self._patience, settings.UPSTREAM_IDLE_TIMEOUT)
            data = await self._answer.read(timeout=pause)
        except TimeoutError:
            self._silence += pause
            if self._is_complete or self._silence >= settings.UPSTREAM_IDLE_TIMEOUT:
                self._ended(UpstreamTimeout())
            return sse.KEEP_ALIVE
        except AttemptFailed as failure:
            self._ended(failure.error)
            return b""
        self._silence = 0.0
        if data:
            return self._whole(data)
        rest = self._pass(self._splitter.rest())  # It may hold the usage.
        self._ended(UpstreamError())
        return rest if self._done else b""

    def _whole(self, data: bytes) -> bytes:
        try:
            return self._splitter.feed(data)
        except sse.TooLarge:
            self._ended(UpstreamError())
            return b""

    @property
    def _patience(self) -> float:
        """How long a silence is waited out; what is complete only lacks a word, if any."""
        return _AFTER_ALL_SECONDS if self._is_complete else settings.KEEPALIVE_SECONDS

    @property
    def _is_complete(self) -> bool:
        return self._closes and self._exchange.usage_is_final

    @property
    def _all_finished(self) -> bool:
        return len(self._finished) >= self._choices

    def _ended(self, error: UpstreamError) -> None:
        """Note an end without `[DONE]`: right if all choices had finished, else an error."""
        if self._all_finished and not self._error:
            self._done = True
            self._exchange.note_usage(None, final=True)
        elif not self._done:
            self._error = self._error or error

    def _pass(self, block: bytes) -> bytes:
        """Take note of what a block says; return what of it the client gets."""
        try:
            characters = self._plain.characters(block)
            if characters is not None:
                self._closes = False
                self._exchange.tally.add(characters, events=block.count(b"\n\n"))
                return self._cut_if_long(self._shown(block))
            chunks = sse.objects(block)
            if chunks is not None and not any(map(is_remarkable, chunks)):
                passed = self._pass_simple(block, chunks)
            else:
                passed = b"".join([self._pass_event(event) for event in sse.events(block)])
        except Exception:
            log.exception("stream_not_understood", request_id=self._exchange.request_id)
            self._error = UpstreamError()
            return b""
        return self._cut_if_long(passed)

    def _cut_if_long(self, passed: bytes) -> bytes:
        if self._exchange.tally.passes(self._most_output) and not (self._done or self._error):
            return passed + self._cut_short()
        return passed

    def _pass_simple(self, block: bytes, chunks: list[Chunk]) -> bytes:
        """Count the output of chunks that hold nothing else, as nearly all do."""
        for chunk in chunks:
            self._exchange.tally.add(output_characters(chunk))
        self._last, self._closes = chunks[-1], False
        if len(chunks) == 1:
            self._plain.learn(block, chunks[0])
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
        self._last, self._closes = chunk, self._all_finished and not characters
        self._exchange.note_usage(report_in(chunk), final=self._all_finished)
        if self._shows_usage or "usage" not in chunk:
            return events.canonical(event, chunk)
        if not chunk.get("choices"):
            return b""
        return sse.event({key: value for key, value in chunk.items() if key != "usage"})

    def _drop(self) -> None:
        of(metrics.DROPPED, self._exchange.provider).inc()
        log.warning(
            "frame_is_no_json",
            provider=self._exchange.provider,
            request_id=self._exchange.request_id,
        )

    def _cut_short(self) -> bytes:
        """End a stream that passes its hold as one that has reached its token limit."""
        self._done = self._exchange.cut_short = True
        nothing: dict[str, Any] = (
            {"delta": {}} if self._exchange.call.endpoint is CHAT else {"text": ""}
        )
        end = {**nothing, "logprobs": None, "finish_reason": "length"}
        ends = [{"index": index, **end} for index in range(self._exchange.call.choices)]
        return sse.event({**self._last, "choices": ends})


Leave = Callable[[Exchange, RelayedStream], None]
