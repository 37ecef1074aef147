"""Relaying a stream: bytes through in whole events, read only where usage or an error may be."""

from collections.abc import AsyncGenerator, Callable
from typing import Any, NamedTuple

import structlog
from django.conf import settings

from config.errors import ApiError
from llmproxy import health, sse
from llmproxy.calls import CHAT
from llmproxy.deadline import Deadline
from llmproxy.errors import UpstreamError, UpstreamTimeout
from llmproxy.exchange import Exchange, Status
from llmproxy.upstream import AttemptFailed, UpstreamAnswer, failure_in
from llmproxy.usage import finished_choices, output_characters, reported

log = structlog.get_logger("tokengate.proxy")


# For `[DONE]`, when all else has been said: some providers never say it, and hang on.
_AFTER_ALL_SECONDS = 1.0


class Opening(NamedTuple):
    """A stream whose content has begun: what came so far, and the rest to be read."""

    answer: UpstreamAnswer
    splitter: sse.EventSplitter
    block: bytes


async def open_stream(answer: UpstreamAnswer, deadline: Deadline) -> Opening:
    """Read until the model says something; until then another provider may still be asked.

    Role and comment events are held back. Raises ``AttemptFailed``, or ``TimeoutError`` at the
    deadline.
    """
    try:
        if not answer.is_stream:
            raise failure_in(await answer.read_all(deadline.seconds_left))
        splitter, held = sse.EventSplitter(), b""
        while True:
            data = await answer.read(deadline.seconds_left)
            deadline.heard()
            block = splitter.feed(data)
            held += block
            if len(held) > sse.LARGEST:
                raise sse.TooLarge
            if any(_begins(event) for event in sse.events(block)):
                return Opening(answer, splitter, held)
            if not data:
                raise AttemptFailed(UpstreamError(), outcome="empty_stream", status=200)
    except sse.TooLarge as error:
        answer.close()
        raise AttemptFailed(UpstreamError(), outcome="too_large", status=200) from error
    except BaseException:
        answer.close()
        raise


def _begins(event: bytes) -> bool:
    """Tell whether an event is content, usage or the end. Raises ``AttemptFailed`` on an error."""
    content = sse.data(event)
    if not content:
        return False
    if content == b"[DONE]":
        return True
    value = sse.payload(event)
    if value is None or value.get("error"):
        raise failure_in(content)
    return _says_something(value)


def _says_something(chunk: dict[str, Any]) -> bool:
    return bool(finished_choices(chunk) or chunk.get("usage")) or output_characters(chunk) > 0


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
        self._done = False
        self._error: UpstreamError | None = None
        exchange.content_began()
        self._parts = self._relay(opening.block)

    def __aiter__(self) -> "RelayedStream":
        return self

    async def __anext__(self) -> bytes:
        return await self._parts.__anext__()

    async def aclose(self) -> None:
        """End the stream wherever it is. One that has not ended is read on, or cancelled."""
        await self._parts.aclose()
        if self._done or self._error:
            self._close()
            self.let_go()
        else:
            self._leave(self._exchange, self)

    async def drain(self) -> None:
        """Read to the end, or to an error, without anybody to send it to."""
        while not (self._done or self._error):
            self._pass(await self._next_block())

    def let_go(self) -> None:
        """Let the provider's connection end by itself if its answer has, else cancel it."""
        if self._done and not self._exchange.cut_short:
            self._answer.finish()
        else:
            self._answer.close()

    async def _relay(self, block: bytes) -> AsyncGenerator[bytes]:
        passed = self._pass(block)
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
        return self._all_finished and self._exchange.usage_is_final

    @property
    def _all_finished(self) -> bool:
        return len(self._finished) >= self._choices

    def _ended(self, error: UpstreamError) -> None:
        """Note an end without `[DONE]`: right if all choices had finished, else an error."""
        if self._all_finished:
            self._done = True
        elif not self._done:
            self._error = self._error or error

    def _pass(self, block: bytes) -> bytes:
        """Take note of what a block says; return what of it the client gets."""
        try:
            block, remarkable = sse.divide(block)
            self._exchange.tally.add(block)
            if remarkable:
                passed = [self._pass_event(event) for event in sse.split(remarkable)]
                return b"".join([self._plain(block), *passed])
            if self._exchange.tally.passes(self._most_output):
                return block + self._cut_short(block)
        except Exception:
            log.exception("stream_not_understood", request_id=self._exchange.request_id)
            self._error = UpstreamError()
            return b""
        return self._plain(block)

    def _plain(self, block: bytes) -> bytes:
        return block if self._shows_usage else block.replace(b',"usage":null', b"")

    def _pass_event(self, event: bytes) -> bytes:
        content = sse.data(event)
        if content.strip() == b"[DONE]":
            self._done = not self._error
            self._exchange.note_usage(None, final=self._done)
            return b""
        chunk = sse.payload(event)
        if chunk is None:
            return event
        self._finished |= finished_choices(chunk)
        usage = reported(chunk.get("usage"))
        self._exchange.note_usage(usage, final=usage is not None and self._all_finished)
        if chunk.get("error"):
            self._error = self._error or failure_in(content).error
        if self._done or self._error:
            return b""
        self._exchange.tally.add(event)
        return self._shown(event, chunk)

    def _shown(self, event: bytes, chunk: dict[str, Any]) -> bytes:
        if self._shows_usage or "usage" not in chunk:
            return event
        if not chunk.get("choices"):
            return b""
        return sse.event({key: value for key, value in chunk.items() if key != "usage"})

    def _cut_short(self, block: bytes) -> bytes:
        """End a stream that passes its hold as one that has reached its token limit."""
        self._done = self._exchange.cut_short = True
        last = next(filter(None, map(sse.payload, reversed(sse.split(block)))), {})
        nothing: dict[str, Any] = (
            {"delta": {}} if self._exchange.call.endpoint is CHAT else {"text": ""}
        )
        end = {**nothing, "logprobs": None, "finish_reason": "length"}
        ends = [{"index": index, **end} for index in range(self._exchange.call.choices)]
        return sse.event({**(last or {}), "choices": ends})


Leave = Callable[[Exchange, RelayedStream], None]
