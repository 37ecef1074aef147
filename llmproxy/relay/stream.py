"""Relaying a stream: the part that all dialects share, from the first event to the settlement."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from typing import NamedTuple

import structlog

from core.errors import ApiError
from core.instruments import of
from core.plain_settings import settings
from llmproxy import metrics
from llmproxy.errors import UpstreamError, UpstreamTimeout
from llmproxy.protocol import sse
from llmproxy.relay.exchange import Exchange, Status
from llmproxy.routing import health
from llmproxy.upstream.client import AttemptFailed, UpstreamAnswer
from tokens.ledger import spool

log = structlog.get_logger("tokengate.proxy")


# How long to wait for the last event of a complete answer. Some providers never send it.
_AFTER_ALL_SECONDS = 1.0


class Opening(NamedTuple):
    """A stream whose content has begun, after the events that were read to find it.

    ``unread`` contains the whole events after these; ``stream`` returns all events for the client.
    """

    answer: UpstreamAnswer
    splitter: sse.EventSplitter
    unread: bytes
    stream: "Streaming"


def with_charge(error: ApiError, exchange: Exchange) -> ApiError:
    """Add the charge of the request to the error that ends its stream."""
    receipt = exchange.receipt
    provisional = receipt is not None and not receipt.final
    error.facts.update(charged=exchange.charged, charge_is_provisional=provisional)
    error.message += f" {exchange.charged} tokens were charged"
    error.message += (
        " provisionally, until the provider reports the final usage." if provisional else "."
    )
    return error


class RelayedStream(ABC, AsyncIterable[bytes]):
    """The events for the client. The caller must ``aclose`` it, which settles the request.

    ``leave`` takes over a stream that is closed before its end.
    """

    def __init__(self, exchange: Exchange, opening: Opening, leave: "Leave") -> None:
        self._exchange = exchange
        self._leave = leave
        self._answer = opening.answer
        self._splitter = opening.splitter
        self._most_output = exchange.most_output + exchange.call.echoed
        self._silence = 0.0
        self._patience = min(settings.KEEPALIVE_SECONDS, settings.UPSTREAM_IDLE_TIMEOUT)
        self._done = self._closes = self._ends_here = False
        self._error: UpstreamError | None = None
        exchange.content_began()
        self._unread = opening.unread
        self._has_begun = False
        self._parts = self._relay()

    @abstractmethod
    def _read_opening(self) -> bytes:
        """Do as ``_read`` with the events that were read before."""

    @abstractmethod
    def _read(self, block: bytes) -> bytes:
        """Read whole events and return the bytes for the client.

        Sets ``_done`` or ``_error`` at the end, and ``_closes`` if only the last event is missing.
        """

    @property
    @abstractmethod
    def _has_finished(self) -> bool:
        """Return whether the model has finished, although the stream may continue."""

    @abstractmethod
    def _cut_short(self) -> bytes:
        """Return the events that end the answer with the reason that it reached its token limit."""

    @abstractmethod
    def _last_event(self) -> bytes:
        """Return the event that ends a complete answer. It is sent after the settlement."""

    @abstractmethod
    def _failure(self, error: ApiError) -> bytes:
        """Return the event that ends the stream with an error."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts

    async def aclose(self) -> None:
        """End the stream. If the provider has not finished, it is read to the end or cancelled."""
        await self._parts.aclose()
        if self._done or self._error:
            if self._done and not self._exchange.is_closing:
                self._exchange.leave()  # The client disconnected before the end was sent.
            self._close()
            self.let_go()
        else:
            self._leave(self._exchange, self)

    async def drain(self) -> None:
        """Read to the end or to an error, and discard the events."""
        if not self._has_begun:  # The first events may contain the whole answer.
            self._pass(self._unread)
        while not (self._done or self._error):
            self._pass(await self._next_block())

    def let_go(self) -> None:
        """Finish the provider's answer if it is complete, else cancel it."""
        if self._done and not self._exchange.cut_short:
            self._answer.finish()
        else:
            self._answer.close()

    async def _relay(self) -> AsyncGenerator[bytes]:
        passed = self._pass(self._unread)
        spool.write(self._exchange)
        while True:
            if passed:
                yield passed
            if self._done or self._error:
                break
            passed = self._pass(await self._next_block())
        if self._error and self._exchange.route:
            broken = AttemptFailed(self._error, outcome="broke_off")
            health.failed(self._exchange.route, broken)
        # Settle before the end is sent: the client may then disconnect, or read its balance.
        self._close()
        await self._exchange.closed()
        if self._error:
            yield self._failure(with_charge(self._error, self._exchange))
        else:
            yield self._last_event()

    def _close(self) -> None:
        self._exchange.broke_off = self._error is not None
        self._exchange.close(Status.FAILED if self._error else Status.OK)

    async def _next_block(self) -> bytes:
        """Return whole events, or a comment after a while of silence. Sets how the stream ended."""
        # A complete answer lacks at most its last event.
        is_complete = self._closes and self._exchange.usage_is_final
        pause = min(_AFTER_ALL_SECONDS, self._patience) if is_complete else self._patience
        try:
            data = None
            while data is None:  # As `UpstreamAnswer.read`, without a coroutine for each chunk.
                if (arrival := self._answer.arrival(pause)) is not None:
                    await arrival
                data = self._answer.take()
            if data:
                self._silence = 0.0
                return self._splitter.feed(data)
        except TimeoutError:
            self._silence += pause
            if is_complete or self._silence >= settings.UPSTREAM_IDLE_TIMEOUT:
                self._ended(UpstreamTimeout())
            return sse.KEEP_ALIVE
        except AttemptFailed as failure:
            self._ended(failure.error)
            return b""
        except sse.TooLarge:
            self._ended(UpstreamError())
            return b""
        self._ends_here = True
        return self._splitter.rest()  # It may contain the usage.

    def _ended(self, error: UpstreamError) -> None:
        """Handle an end without a last event: correct if the model had finished, else an error."""
        if self._has_finished and not self._error:
            self._done = True
            self._exchange.note_usage(None, final=True)
        elif not self._done:
            self._error = self._error or error

    def _pass(self, block: bytes) -> bytes:
        """Read a block; return the bytes for the client, and the end of the answer if it is due."""
        try:
            passed = self._read(block) if self._has_begun else self._read_all(block)
        except Exception:
            log.exception("stream_not_understood", request_id=self._exchange.request_id)
            self._error = UpstreamError()
            return b""
        if self._ends_here and not self._done:
            self._ended(UpstreamError())
        if self._exchange.tally.passes(self._most_output) and not (self._done or self._error):
            self._done = self._exchange.cut_short = True
            return passed + self._cut_short()
        return passed

    def _read_all(self, unread: bytes) -> bytes:
        self._has_begun = True
        return self._read_opening() + self._read(unread)

    def _drop(self) -> None:
        """Count an event that is dropped because it is not JSON: clients could not read it."""
        of(metrics.DROPPED, self._exchange.provider).inc()
        log.warning(
            "frame_is_no_json",
            provider=self._exchange.provider,
            request_id=self._exchange.request_id,
        )


Leave = Callable[[Exchange, RelayedStream], None]
Streaming = Callable[[Exchange, Opening, Leave], RelayedStream]
