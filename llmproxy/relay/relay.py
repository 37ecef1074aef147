"""The story of one request to a model, from top to bottom.

authenticate (views) -> resolve the model -> estimate the ceiling -> admit (limits) -> reserve ->
open an upstream, failing over until the first content byte -> relay -> settle, which always runs.
Nothing of the database is held while the network is waited for.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from django.conf import settings

from core.errors import ApiError, Unavailable
from core.http.attribution import Attribution
from core.loops import ended
from llmproxy.catalog.snapshot import ServedModel, ServedRoute, catalog
from llmproxy.errors import (
    ContextLengthExceeded,
    FieldRefused,
    ModelNotInPlan,
    NoUpstream,
    UpstreamError,
    UpstreamRefusal,
    UpstreamTimeout,
    WrongKind,
)
from llmproxy.protocol import answers, calls
from llmproxy.protocol.calls import Call
from llmproxy.protocol.output import output_characters
from llmproxy.protocol.refusals import error_in
from llmproxy.protocol.reports import Report, report_in
from llmproxy.providers.base import printable
from llmproxy.relay.callers import Caller
from llmproxy.relay.ceiling import LEAST_OUTPUT, Ceiling
from llmproxy.relay.exchange import Exchange, Status
from llmproxy.relay.late import LateStream
from llmproxy.relay.left import open_on, read_on
from llmproxy.relay.opening import open_stream, read_whole
from llmproxy.relay.stream import Opening, RelayedStream
from llmproxy.routing import health
from llmproxy.upstream import client
from llmproxy.upstream.client import AttemptFailed
from llmproxy.upstream.deadline import Deadline
from tokens import ledger
from tokens.ledger import HoldContext
from tokens.limits import admission
from tokens.limits.admission import Slot
from tokens.tiers import allows

# No tokenizer needs so many times fewer tokens than the estimate: of Hindi it is three times.
_MOST_OVERRATED = 4


class Answer(NamedTuple):
    """What goes to the client: a whole JSON body, or a stream that must be closed."""

    exchange: Exchange
    body: bytes | RelayedStream | LateStream


# Sets what happens when the client leaves, instead of being cancelled.
OnLeave = Callable[[Callable[[], None]], None]


async def relay(
    call: Call,
    caller: Caller,
    request_id: str,
    on_leave: OnLeave,
    named: Attribution = Attribution(),  # noqa: B008 - it never changes
) -> Answer:
    """Serve a request. Raises an ``ApiError`` while nothing is sent yet, nor charged."""
    model = await _resolve(call, caller)
    ceiling = _ceiling(call, caller, model)
    slot = await admission.admit(
        user_id=caller.user_id,
        api_key=caller.api_key,
        limits=caller.limits,
        tokens=ceiling.amount,
    )
    try:
        context = _context(call, caller, request_id, model, named)
        exchange = await _reserve(call, model, ceiling, slot, context, caller.user_id)
        if not call.stream:  # Its provider works and bills on: it is read to its end.
            on_leave(exchange.leave)
        return await _serve(exchange, ceiling)
    except ApiError as error:
        error.headers.update(slot.headers)
        raise


async def _serve(exchange: Exchange, ceiling: Ceiling) -> Answer:
    call = exchange.call
    max_output = ceiling.output_within(exchange.hold.amount)
    exchange.most_output = max_output * call.choices
    try:
        body = await (_stream if call.stream else _json)(exchange, max_output)
    except asyncio.CancelledError:
        if not call.stream:
            exchange.leave()
            exchange.close(Status.CANCELLED)
        raise
    except BaseException as error:
        exchange.close(Status.FAILED)
        await exchange.closed()
        if isinstance(error, ApiError) and exchange.charged:
            error.facts["charged"] = exchange.charged
        raise
    return Answer(exchange, body)


def _context(
    call: Call, caller: Caller, request_id: str, model: ServedModel, named: Attribution
) -> HoldContext:
    return HoldContext(
        request_id=request_id,
        api_key=caller.api_key,
        key_budget=caller.key_token_budget,
        endpoint=call.endpoint.path,
        model=model.name,
        session=named.session,
        task=named.task,
        session_budget=caller.session_budget,
        task_budget=caller.task_budget,
    )


async def _reserve(
    call: Call,
    model: ServedModel,
    ceiling: Ceiling,
    slot: Slot,
    context: HoldContext,
    user_id: int,
) -> Exchange:
    """Hold what the request may cost. Whatever forbids it, the slot is free again."""
    try:
        hold = await ledger.areserve(
            user_id=user_id,
            amount=ceiling.amount,
            minimum=ceiling.minimum,
            ttl=settings.RESERVATION_TTL,
            context=context,
        )
    except BaseException:
        slot.release(charged=0)
        raise
    return Exchange(
        call=call,
        model=model,
        hold=hold,
        slot=slot,
        request_id=context.request_id,
        session=f"{user_id}/{context.session}" if context.session else "",
    )


async def _json(exchange: Exchange, max_output: int) -> bytes:
    body = await _first_that_answers(exchange, max_output)
    assert isinstance(body, bytes)
    exchange.close(Status.OK)
    await exchange.closed()
    return body


async def _stream(exchange: Exchange, max_output: int) -> RelayedStream | LateStream:
    """Return the events; after a while of silence, before it is known who will say them."""

    def relayed(opening: Opening) -> RelayedStream:
        return RelayedStream(exchange, opening, read_on)

    opening = asyncio.create_task(_opening(exchange, max_output))
    try:
        await ended(opening, within=settings.KEEPALIVE_SECONDS)
    except asyncio.CancelledError:
        open_on(exchange, opening, relayed)
        raise
    return relayed(opening.result()) if opening.done() else LateStream(exchange, opening, relayed)


async def _opening(exchange: Exchange, max_output: int) -> Opening:
    opening = await _first_that_answers(exchange, max_output)
    assert isinstance(opening, Opening)
    return opening


async def _resolve(call: Call, caller: Caller) -> ServedModel:
    model = await catalog.find(call.model)
    if not allows(caller.allowed_models, model.name):
        raise ModelNotInPlan(model=model.name, plan=caller.plan)
    if model.kind != call.endpoint.kind:
        raise WrongKind(model=model.name, kind=model.kind, endpoint=call.endpoint.path)
    for route in model.routes:
        if field := route.provider.dialect.refused_field(call.body):
            raise FieldRefused(field)
    return model


def _ceiling(call: Call, caller: Caller, model: ServedModel) -> Ceiling:
    prompt = call.prompt.ceiling
    bounds = [caller.max_output_tokens, call.max_output, model.max_output_tokens]
    if model.context_length:
        each = call.prompt.likely // call.prompt.prompts
        if each > _MOST_OVERRATED * model.context_length:
            raise ContextLengthExceeded(
                f"The prompt is longer than the model's {model.context_length} tokens.",
                param=call.endpoint.prompt,
            )
        prompt = min(prompt, model.context_length * call.prompt.prompts)
        if call.max_output is None:  # What the client asks for is the provider's to judge.
            bounds.append(_room(each, model.context_length))
    output = min(bound for bound in bounds if bound is not None)
    return Ceiling(prompt=prompt, output=output, choices=call.drafts, weights=model.weights)


def _room(prompt: int, context: int) -> int:
    """Return the output that is likely to fit beside a prompt, however long that seems."""
    return max(context - prompt * 9 // 8, context // 16, LEAST_OUTPUT)


async def _first_that_answers(exchange: Exchange, max_output: int) -> bytes | Opening:
    """Ask the model's providers in turn, until one begins to answer."""
    last: UpstreamError = NoUpstream()
    for route in health.askable(_routes(exchange), session=exchange.session):
        if exchange.client_left:
            break
        body = calls.for_upstream(
            exchange.call,
            model=route.upstream_name,
            max_output=max_output,
            limit=route.provider.dialect.limit,
        )
        began = time.perf_counter()
        try:
            answer = await _attempt(exchange, route, body)
        except AttemptFailed as failure:
            last = failure.error
            exchange.note_usage(failure.report, final=_is_used(failure.report))
            health.failed(route, failure)
            _note(exchange, route, began, outcome=failure.outcome, status=failure.status)
            if isinstance(last, UpstreamRefusal):
                break
        except asyncio.CancelledError:
            health.shows_nothing(route)
            _note(exchange, route, began, outcome="cancelled", status=None)
            raise
        except Unavailable:
            health.shows_nothing(route)
            raise
        else:
            ms = _note(exchange, route, began, outcome="ok", status=200)
            health.answered(route, ms=ms)
            return answer
    raise last


def _is_used(report: Report | None) -> bool:
    """Tell whether an answer that held nothing has cost something by its provider's own word."""
    return report is not None and not report.says_nothing_used


def _routes(exchange: Exchange) -> Iterable[ServedRoute]:
    """Return who may be asked, in order."""
    if exchange.call.endpoint is calls.EMBEDDINGS:
        return [route for route in exchange.model.routes if route.provider.dialect.embeddings]
    return exchange.model.routes


async def _attempt(exchange: Exchange, route: ServedRoute, body: bytes) -> bytes | Opening:
    exchange.asks(route)
    path, deadline = f"/{exchange.call.endpoint.path}", Deadline()
    try:
        answer = await client.post(route.provider, path, body, deadline)
        exchange.answered_by(route, answer.id)
        if exchange.client_left and exchange.call.stream and exchange.can_be_asked:
            answer.close()
            raise asyncio.CancelledError
        if exchange.call.stream:
            return await open_stream(answer, deadline)
        return await _read_json(exchange, answer)
    except TimeoutError as error:
        raise AttemptFailed(UpstreamTimeout(), outcome=deadline.missed) from error


async def _read_json(exchange: Exchange, answer: client.UpstreamAnswer) -> bytes:
    """Read a whole JSON answer and what it used. Raises ``AttemptFailed`` if it is no answer."""
    try:
        body = await answer.read_all(timeout=settings.UPSTREAM_IDLE_TIMEOUT)
    finally:
        answer.close()
    body, content = read_whole(body)
    field = exchange.call.endpoint.answer
    if error_in(content) or field not in content:
        raise client.failure_in(body)
    report = report_in(content)
    if answers.is_empty(content, field):
        raise client.empty(report)
    exchange.upstream_id = answer.id or printable(content.get("id"))
    exchange.content_began()
    exchange.tally.add(output_characters(content))
    exchange.note_usage(report, final=True)
    return body


def _note(
    exchange: Exchange, route: ServedRoute, began: float, *, outcome: str, status: int | None
) -> int:
    """Add an attempt to the receipt; returns how many milliseconds it took."""
    ms = round((time.perf_counter() - began) * 1000)
    exchange.tried(route, outcome=outcome, status=status, ms=ms)
    return ms
