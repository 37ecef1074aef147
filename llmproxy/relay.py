"""The story of one request to a model, from top to bottom.

authenticate (views) -> resolve the model -> estimate the ceiling -> admit (limits) -> reserve ->
open an upstream, failing over until the first content byte -> relay -> settle, which always runs.
Nothing of the database is held while the network is waited for.
"""

import asyncio
import time
from dataclasses import dataclass

import orjson
from django.conf import settings

from config.errors import ApiError
from llmproxy import calls, upstream
from llmproxy.callers import Caller
from llmproxy.calls import Call
from llmproxy.catalog import ServedModel, ServedRoute, catalog
from llmproxy.ceiling import LEAST_OUTPUT, Ceiling
from llmproxy.errors import (
    ContextLengthExceeded,
    ModelNotInPlan,
    NoUpstream,
    UpstreamError,
    UpstreamRefusal,
    UpstreamTimeout,
)
from llmproxy.exchange import Exchange, Status
from llmproxy.stream import Opening, RelayedStream, open_stream
from llmproxy.upstream import AttemptFailed
from llmproxy.usage import output_characters, reported
from tokens import ledger, limits
from tokens.ledger import HoldContext
from tokens.limits import Slot
from tokens.tiers import allows


@dataclass(frozen=True)
class Answer:
    """What goes to the client: a whole JSON body, or a stream that must be closed."""

    exchange: Exchange
    body: bytes | RelayedStream


async def relay(call: Call, caller: Caller, request_id: str) -> Answer:
    """Serve a request. Raises an ``ApiError`` while nothing is sent yet, nor charged."""
    model = await _resolve(call, caller)
    ceiling = _ceiling(call, caller, model)
    slot = await limits.admit(
        user_id=caller.user_id,
        api_key=caller.api_key,
        limits=caller.limits,
        tokens=ceiling.amount,
    )
    try:
        return await _serve(call, caller, request_id, model, ceiling, slot)
    except BaseException as error:
        slot.release(charged=0)  # Unless the settlement has done so.
        if isinstance(error, ApiError):
            error.headers.update(slot.headers)
        raise


async def _serve(
    call: Call, caller: Caller, request_id: str, model: ServedModel, ceiling: Ceiling, slot: Slot
) -> Answer:
    hold = await ledger.areserve(
        user_id=caller.user_id,
        amount=ceiling.amount,
        minimum=ceiling.minimum,
        ttl=settings.RESERVATION_TTL,
        context=HoldContext(
            request_id=request_id, api_key=caller.api_key, endpoint=call.endpoint, model=model.name
        ),
    )
    exchange = Exchange(call=call, model=model, hold=hold, slot=slot, request_id=request_id)
    max_output = ceiling.output_within(hold.amount)
    try:
        answer = await _first_that_answers(exchange, max_output)
    except asyncio.CancelledError:
        exchange.close(Status.CANCELLED)
        raise
    except BaseException:
        exchange.close(Status.FAILED)
        await exchange.closed()
        raise
    if isinstance(answer, Opening):
        most = max_output * call.choices
        return Answer(exchange, RelayedStream(exchange, answer, most_output=most))
    exchange.close(Status.OK)
    await exchange.closed()
    return Answer(exchange, answer)


async def _resolve(call: Call, caller: Caller) -> ServedModel:
    model = await catalog.find(call.model)
    if not allows(caller.allowed_models, model.name):
        raise ModelNotInPlan(model=model.name, plan=caller.plan)
    return model


def _ceiling(call: Call, caller: Caller, model: ServedModel) -> Ceiling:
    prompt = call.prompt.ceiling
    limits = [caller.max_output_tokens, call.max_output, model.max_output_tokens]
    if model.context_length:
        if call.prompt.likely > 2 * model.context_length:  # No tokenizer is twice as good.
            raise ContextLengthExceeded(
                f"The prompt is longer than the model's {model.context_length} tokens.",
                param="messages",
            )
        prompt = min(prompt, model.context_length)
        limits.append(max(model.context_length - call.prompt.likely * 9 // 8, LEAST_OUTPUT))
    output = min(limit for limit in limits if limit is not None)
    return Ceiling(prompt=prompt, output=output, choices=call.choices, weights=model.weights)


async def _first_that_answers(exchange: Exchange, max_output: int) -> bytes | Opening:
    """Ask the model's providers in turn, until one begins to answer."""
    last: UpstreamError = NoUpstream()
    for route in exchange.model.routes:
        body = calls.for_upstream(exchange.call, model=route.upstream_name, max_output=max_output)
        began = time.perf_counter()
        try:
            answer = await _attempt(exchange, route, body)
        except AttemptFailed as failure:
            last = failure.error
            _note(exchange, route, began, outcome=failure.outcome, status=failure.status)
            if isinstance(last, UpstreamRefusal):
                break
        except asyncio.CancelledError:
            _note(exchange, route, began, outcome="cancelled", status=None)
            raise
        else:
            _note(exchange, route, began, outcome="ok", status=200)
            return answer
    raise last


async def _attempt(exchange: Exchange, route: ServedRoute, body: bytes) -> bytes | Opening:
    try:
        async with asyncio.timeout(settings.UPSTREAM_FIRST_BYTE_TIMEOUT):
            answer = await upstream.post(route.provider, f"/{exchange.call.endpoint}", body)
            exchange.upstream_id = answer.id
            if exchange.call.stream:
                return await open_stream(answer)
        return await _read_json(exchange, answer)
    except TimeoutError as error:
        raise AttemptFailed(UpstreamTimeout(), outcome="first_byte_timeout") from error


async def _read_json(exchange: Exchange, answer: upstream.UpstreamAnswer) -> bytes:
    """Read a whole JSON answer and what it used. Raises ``AttemptFailed`` if it is no answer."""
    try:
        body = await answer.read_all(timeout=settings.UPSTREAM_IDLE_TIMEOUT)
    finally:
        answer.close()
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise AttemptFailed(UpstreamError(), outcome="garbage", status=200) from error
    if not isinstance(content, dict) or "choices" not in content or content.get("error"):
        raise upstream.failure_in(body)
    exchange.upstream_id = answer.id or upstream.printable(content.get("id"))
    exchange.tally.add_characters(output_characters(content))
    exchange.content_began()
    exchange.note_usage(reported(content.get("usage")), final=True)
    return body


def _note(
    exchange: Exchange, route: ServedRoute, began: float, *, outcome: str, status: int | None
) -> None:
    ms = round((time.perf_counter() - began) * 1000)
    exchange.tried(route, outcome=outcome, status=status, ms=ms)
