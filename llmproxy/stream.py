"""Relaying a stream: bytes through in whole events, read only where usage or an error may be."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from llmproxy import sse
from llmproxy.errors import UpstreamError, UpstreamTimeout
from llmproxy.exchange import Exchange, Status
from llmproxy.upstream import AttemptFailed, UpstreamAnswer, failure_in
from llmproxy.usage import finishes, output_characters, reported


@dataclass(frozen=True)
class Opening:
    """A stream whose content has begun: what came so far, and the rest to be read."""

    answer: UpstreamAnswer
    splitter: sse.EventSplitter
    block: bytes


async def open_stream(answer: UpstreamAnswer) -> Opening:
    """Read until the model says something; until then another provider may still be asked.

    Role and comment events are held back. Raises ``AttemptFailed``.
    """
    try:
        if not answer.is_stream:
            raise failure_in(await answer.read_all())
        splitter, held = sse.EventSplitter(), b""
        while True:
            data = await answer.read()
            block = splitter.feed(data)
            held += block
            if any(_begins(event) for event in sse.split(block)):
                return Opening(answer, splitter, held)
            if not data:
                raise AttemptFailed(UpstreamError(), outcome="empty_stream", status=200)
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
    return finishes(chunk) or bool(chunk.get("usage")) or output_characters(chunk) > 0


class RelayedStream:
    """The events for the client. Whoever has one must ``aclose`` it: that settles the request."""

    def __init__(self, exchange: Exchange, opening: Opening) -> None:
        self._exchange = exchange
        self._answer = opening.answer
        self._splitter = opening.splitter
        self._shows_usage = exchange.call.wants_usage
        self._silence = 0.0
        self._finished = False
        self._done = False
        self._error: UpstreamError | None = None
        exchange.content_began()
        self._parts = self._relay(opening.block)

    def __aiter__(self) -> "RelayedStream":
        return self

    async def __anext__(self) -> bytes:
        return await self._parts.__anext__()

    async def aclose(self) -> None:
        """End the stream wherever it is: charge what was used, cancel the rest."""
        self._exchange.close(Status.CANCELLED)
        await self._parts.aclose()
        if self._done:
            self._answer.finish()
        else:
            self._answer.close()

    async def _relay(self, block: bytes) -> AsyncGenerator[bytes]:
        while True:
            passed = self._pass(block)
            if passed:
                yield passed
            if self._done or self._error:
                break
            block = await self._next_block()
        # Settled before the client hears of the end: he may leave, or ask for his balance, then.
        self._exchange.close(Status.FAILED if self._error else Status.OK)
        await self._exchange.closed()
        yield sse.event(self._error.body(self._exchange.request_id)) if self._error else sse.DONE

    async def _next_block(self) -> bytes:
        """Return whole events, or a comment after a while of silence; sets how the stream ended."""
        try:
            data = await self._answer.read(timeout=settings.KEEPALIVE_SECONDS)
        except TimeoutError:
            self._silence += settings.KEEPALIVE_SECONDS
            if self._silence >= settings.UPSTREAM_IDLE_TIMEOUT:
                self._error = UpstreamTimeout()
            return sse.KEEP_ALIVE
        except AttemptFailed as failure:
            self._error = failure.error
            return b""
        self._silence = 0.0
        if data:
            return self._splitter.feed(data)
        self._done = self._finished
        self._error = None if self._finished else UpstreamError()
        return b""

    def _pass(self, block: bytes) -> bytes:
        """Take note of what a block says; return what of it the client gets."""
        if not sse.is_remarkable(block):
            self._exchange.tally.add(block)
            return block if self._shows_usage else block.replace(b',"usage":null', b"")
        return b"".join(self._pass_event(event) for event in sse.split(block))

    def _pass_event(self, event: bytes) -> bytes:
        content = sse.data(event)
        if self._done or self._error or content == b"[DONE]":
            self._done = not self._error
            return b""
        chunk = sse.payload(event)
        if chunk is None:
            return event
        if chunk.get("error"):
            self._error = failure_in(content).error
            return b""
        self._exchange.tally.add(event)
        self._finished = self._finished or finishes(chunk)
        return self._pass_usage(event, chunk)

    def _pass_usage(self, event: bytes, chunk: dict[str, Any]) -> bytes:
        usage = reported(chunk.get("usage"))
        if usage is not None:
            self._exchange.usage = usage
            self._finished = True
        if self._shows_usage or "usage" not in chunk:
            return event
        if not chunk.get("choices"):
            return b""
        return sse.event({key: value for key, value in chunk.items() if key != "usage"})
