"""A stream that begins before its content: comments keep it open while the provider is silent.

Proxies and clients close a connection that is silent for a minute. So if no content has arrived
after a while, the answer begins with a comment. Errors after that are sent in the stream.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator

import structlog

from core.errors import ApiError
from core.loops import ended
from core.plain_settings import settings
from llmproxy.errors import UpstreamError
from llmproxy.protocol import sse
from llmproxy.protocol.dialects import DIALECTS
from llmproxy.relay.disconnected import Relay, open_on
from llmproxy.relay.exchange import Exchange, Status
from llmproxy.relay.stream import Opening, RelayedStream, with_charge

log = structlog.get_logger("tokengate.proxy")


class KeptAliveStream(AsyncIterable[bytes]):
    """The events for the client. The caller must ``aclose`` it, which settles the request.

    ``opening`` is the running task that finds a provider; ``relay`` continues with its result.
    """

    def __init__(self, exchange: Exchange, opening: asyncio.Task[Opening], relay: Relay) -> None:
        self._exchange = exchange
        self._opening = opening
        self._relay = relay
        self._stream: RelayedStream | None = None
        self._failed = False
        self._parts = self._events()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts

    async def aclose(self) -> None:
        """End the stream. If the provider has not finished, it is read to the end or cancelled."""
        await self._parts.aclose()
        if self._stream is not None:
            await self._stream.aclose()
        elif not self._failed:
            open_on(self._exchange, self._opening, self._relay)

    async def _events(self) -> AsyncGenerator[bytes]:
        while not self._opening.done():
            yield sse.KEEP_ALIVE
            await ended(self._opening, within=settings.KEEPALIVE_SECONDS)
        try:
            self._stream = self._relay(self._opening.result())
        except ApiError as error:
            failure = error
        except Exception:
            log.exception("opening_failed", request_id=self._exchange.request_id)
            failure = UpstreamError()
        if self._stream is None:
            self._failed = True
            self._exchange.close(Status.FAILED)
            await self._exchange.closed()
            yield _failure(with_charge(failure, self._exchange), self._exchange)
            return
        async for part in self._stream:
            yield part


def _failure(error: ApiError, exchange: Exchange) -> bytes:
    """Return the event, in the client's dialect, that ends a stream before its content."""
    dialect = DIALECTS.get(exchange.call.endpoint.dialect)
    if dialect is None:
        return sse.event(error.body(exchange.request_id))
    return dialect.failure(error, exchange.request_id)
