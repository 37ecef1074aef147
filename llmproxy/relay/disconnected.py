"""Streams whose client has disconnected, which are read on for their usage.

If the provider has a usage lookup (``Dialect.usage_lookup``), its request is cancelled at once.
The answer of any other provider is read and discarded until it reports the usage: at most
``LEFT_STREAMS`` at a time in a worker, for ``LEFT_STREAM_TIMEOUT`` seconds each. Beyond either
limit, the estimate of the prompt and our own count of the output are charged.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from core.plain_settings import settings
from llmproxy import metrics
from llmproxy.relay.exchange import Exchange, Status
from llmproxy.relay.stream import Opening, RelayedStream

log = structlog.get_logger("tokengate.proxy")

Relay = Callable[[Opening], RelayedStream]

_reading: set[asyncio.Task[None]] = set()


def read_on(exchange: Exchange, stream: RelayedStream) -> None:
    """Take over a stream whose client disconnected, and settle the request, now or later."""
    exchange.leave()
    if exchange.can_be_asked or _is_full():
        _settle(exchange, stream)
    else:
        exchange.give_slot_back()
        _begin(_drain(exchange, stream))


def open_on(exchange: Exchange, opening: asyncio.Task[Opening], relay: Relay) -> None:
    """Take over a stream whose client disconnected before the first content.

    This waits until a provider has accepted the request, because only then is it known which
    provider to ask for the usage.
    """
    exchange.leave()
    if exchange.can_be_asked or _is_full():
        opening.cancel()
    else:
        exchange.give_slot_back()
    _begin(_open(exchange, opening, relay))


def give_up() -> None:
    """Settle the streams that are still being read, with the usage counted so far."""
    for task in _reading:
        task.cancel()


def _is_full() -> bool:
    return len(_reading) >= settings.LEFT_STREAMS


def _begin(reading: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(reading)
    _reading.add(task)
    metrics.LEFT.inc()
    task.add_done_callback(_ended)


def _ended(task: asyncio.Task[None]) -> None:
    _reading.discard(task)
    metrics.LEFT.dec()
    if not task.cancelled() and (error := task.exception()):
        log.error("left_stream_failed", exc_info=error)


async def _open(exchange: Exchange, opening: asyncio.Task[Opening], relay: Relay) -> None:
    stream = None
    try:
        async with asyncio.timeout(settings.LEFT_STREAM_TIMEOUT):
            await asyncio.wait({opening})
            stream = _opened(opening, relay)
            if stream is not None:
                await stream.drain()
    except TimeoutError:
        log.info("left_stream_not_read_to_its_end", request_id=exchange.request_id)
    finally:
        if not opening.done():
            opening.cancel()
            await asyncio.wait({opening})  # The last attempt is in the receipt by then.
        _settle(exchange, stream or _opened(opening, relay))


def _opened(opening: asyncio.Task[Opening], relay: Relay) -> RelayedStream | None:
    if opening.cancelled() or opening.exception() is not None:
        return None
    return relay(opening.result())


async def _drain(exchange: Exchange, stream: RelayedStream) -> None:
    try:
        async with asyncio.timeout(settings.LEFT_STREAM_TIMEOUT):
            await stream.drain()
    except TimeoutError:
        log.info("left_stream_not_read_to_its_end", request_id=exchange.request_id)
    finally:
        _settle(exchange, stream)


def _settle(exchange: Exchange, stream: RelayedStream | None) -> None:
    exchange.close(Status.CANCELLED)
    if stream is not None:
        stream.let_go()
