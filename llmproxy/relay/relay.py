"""The steps of one request to a model, from top to bottom.

authenticate (views) -> resolve the model -> estimate the ceiling -> admit (limits) -> reserve ->
open an upstream, failing over until the first content byte -> relay -> settle, which always runs.
No database connection, transaction or lock is held during network calls.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from core.errors import ApiError, Unavailable
from core.http.attribution import Attribution
from core.loops import ended
from core.plain_settings import settings
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
from llmproxy.protocol import calls
from llmproxy.protocol.calls import Call
from llmproxy.protocol.dialects import Untranslatable
from llmproxy.protocol.reports import Report
from llmproxy.relay.callers import Caller
from llmproxy.relay.ceiling import LEAST_OUTPUT, Ceiling, OutputLimit
from llmproxy.relay.disconnected import open_on, read_on
from llmproxy.relay.exchange import Exchange, Status
from llmproxy.relay.keep_alive import KeptAliveStream
from llmproxy.relay.opening import open_stream
from llmproxy.relay.stream import Opening, RelayedStream
from llmproxy.relay.wires import Wire, Wires
from llmproxy.routing import health
from llmproxy.upstream import client
from llmproxy.upstream.client import AttemptFailed
from llmproxy.upstream.deadline import Deadline
from tokens import ledger
from tokens.ledger import Hold, HoldContext
from tokens.limits import admission
from tokens.limits.admission import Slot
from tokens.tiers import allows

# The estimate is at most this many times a tokenizer's count. For Hindi it is three times.
_MOST_OVERRATED = 4


class Answer(Struct, frozen=True):
    """The answer to the client: a whole JSON body, or a stream that must be closed."""

    exchange: Exchange
    body: bytes | RelayedStream | KeptAliveStream


# If set, this is called when the client disconnects, instead of cancelling the request.
OnLeave = Callable[[Callable[[], None]], None]


async def relay(
    call: Call,
    caller: Caller,
    request_id: str,
    on_leave: OnLeave,
    named: Attribution = Attribution(),  # noqa: B008 - it never changes
    traceparent: str = "",
) -> Answer:
    """Serve a request. Raises ``ApiError`` before anything is sent or charged."""
    began = time.time_ns()
    model = await find_model(call, caller)
    wires = Wires(call, model, request_id)
    wires.require(model.routes)
    ceiling = _ceiling(call, caller, model)
    amount = ceiling.amount
    slot = await admission.admit(
        user_id=caller.user_id,
        api_key=caller.api_key,
        limits=caller.limits,
        tokens=amount,
    )
    admitted = time.time_ns()
    try:
        context = _context(call, caller, request_id, model, named)
        hold = await _reserve(amount, ceiling.minimum, slot, context, caller.user_id)
        session = f"{caller.user_id}/{context.session}" if context.session else ""
        exchange = Exchange(
            call=call,
            model=model,
            hold=hold,
            slot=slot,
            request_id=request_id,
            session=session,
            times=(began, admitted, time.time_ns()),
            traceparent=traceparent,
        )
        if not call.stream:  # The provider bills the whole answer, so it is read to its end.
            on_leave(exchange.leave)
        max_output = ceiling.output_within(hold.amount)
        exchange.most_output = max_output * call.choices
        exchange.output_limit = OutputLimit(
            max_output, ceiling.limited_by if max_output == ceiling.output else "balance"
        )
        return Answer(exchange, await _serve(_Asking(exchange, wires, max_output)))
    except ApiError as error:
        error.headers.update(slot.headers)
        raise


class _Asking(Struct, frozen=True):
    """The requests to the providers, each with its wire; ``max_output`` is for each choice."""

    exchange: Exchange
    wires: Wires
    max_output: int


async def _serve(asking: _Asking) -> bytes | RelayedStream | KeptAliveStream:
    exchange = asking.exchange
    try:
        if exchange.call.stream:
            return await _stream(asking)
        body = await _first_that_answers(asking)
        assert isinstance(body, bytes)
        exchange.close(Status.OK)
        await exchange.closed()
        return body
    except asyncio.CancelledError:
        if not exchange.call.stream:
            exchange.leave()
            exchange.close(Status.CANCELLED)
        raise
    except BaseException as error:
        exchange.close(Status.FAILED)
        await exchange.closed()
        if isinstance(error, ApiError) and exchange.charged:
            error.facts["charged"] = exchange.charged
        raise


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
    amount: int, minimum: int, slot: Slot, context: HoldContext, user_id: int
) -> Hold:
    """Reserve the ceiling of the request. The slot is released if this fails."""
    try:
        return await ledger.areserve(
            user_id=user_id,
            amount=amount,
            minimum=minimum,
            ttl=settings.RESERVATION_TTL,
            context=context,
        )
    except BaseException:
        slot.release(charged=0)
        raise


async def _stream(asking: _Asking) -> RelayedStream | KeptAliveStream:
    """Return the events. After a while without content, the stream begins without a provider."""
    exchange = asking.exchange

    def relayed(opening: Opening) -> RelayedStream:
        return opening.stream(exchange, opening, read_on)

    opening = asyncio.get_running_loop().create_task(_opening(asking))
    try:
        await ended(opening, within=settings.KEEPALIVE_SECONDS)
    except asyncio.CancelledError:
        open_on(exchange, opening, relayed)
        raise
    if opening.done():
        return relayed(opening.result())
    return KeptAliveStream(exchange, opening, relayed)


async def _opening(asking: _Asking) -> Opening:
    opening = await _first_that_answers(asking)
    assert isinstance(opening, Opening)
    return opening


async def find_model(call: Call, caller: Caller) -> ServedModel:
    """Return the requested model.

    Raises ``ModelNotFound``, ``ModelNotInPlan``, ``WrongKind``, or ``NoUpstream``.
    """
    model = await catalog.find(call.model)
    if not allows(caller.allowed_models, model.name):
        raise ModelNotInPlan(model=model.name, plan=caller.plan)
    if model.kind != call.endpoint.kind:
        raise WrongKind(model=model.name, kind=model.kind, endpoint=call.endpoint.path)
    return model


def _ceiling(call: Call, caller: Caller, model: ServedModel) -> Ceiling:
    prompt = call.prompt.ceiling
    bounds = [(caller.max_output_tokens, "plan")]
    if call.max_output is not None:
        bounds.append((call.max_output, "request"))
    if model.max_output_tokens is not None:
        bounds.append((model.max_output_tokens, "model"))
    if model.context_length:
        each = call.prompt.likely // call.prompt.prompts
        if each > _MOST_OVERRATED * model.context_length:
            raise ContextLengthExceeded(
                f"The prompt is longer than the model's {model.context_length} tokens.",
                param=call.endpoint.prompt,
            )
        prompt = min(prompt, model.context_length * call.prompt.prompts)
        if call.max_output is None:  # The provider decides whether the client's own limit is valid.
            bounds.append((_room(each, model.context_length), "context"))
    output, limited_by = min(bounds)
    return Ceiling(
        prompt=prompt,
        output=output,
        choices=call.drafts,
        weights=model.weights,
        limited_by=limited_by,
    )


def _room(prompt: int, context: int) -> int:
    """Return the output that is likely to fit in the context beside a prompt."""
    return max(context - prompt * 9 // 8, context // 16, LEAST_OUTPUT)


async def _first_that_answers(asking: _Asking) -> bytes | Opening:
    """Try the model's providers in order, until one begins to answer."""
    exchange = asking.exchange
    last: UpstreamError | None = None
    for route, wire in _askable(asking):
        began = time.perf_counter()
        try:
            answer = await _attempt(asking, route, wire)
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
    raise last or NoUpstream


def _is_used(report: Report | None) -> bool:
    """Return whether the provider reports usage for an answer without content."""
    return report is not None and not report.says_nothing_used


def _askable(asking: _Asking) -> Iterator[tuple[ServedRoute, Wire]]:
    """Yield the next route to try and its wire, until the client disconnects."""
    for route in health.askable(_routes(asking), session=asking.exchange.session):
        if asking.exchange.client_left:
            return
        try:
            wire = asking.wires.of(route)
        except (Untranslatable, FieldRefused):
            continue  # Another provider can be tried: see ``Wires.require``.
        yield route, wire


def _routes(asking: _Asking) -> Iterable[ServedRoute]:
    """Return the routes that may be tried, in order."""
    routes = asking.exchange.model.routes
    if asking.exchange.call.endpoint is calls.EMBEDDINGS:
        return [route for route in routes if route.provider.dialect.embeddings]
    return routes


async def _attempt(asking: _Asking, route: ServedRoute, wire: Wire) -> bytes | Opening:
    exchange, deadline = asking.exchange, Deadline()
    exchange.asks(route)
    exchange.omitted = wire.omitted
    limit = route.provider.dialect.limit
    body = wire.request(model=route.upstream_name, max_output=asking.max_output, limit=limit)
    try:
        answer = await client.post(
            route.provider, f"/{wire.path}", body, deadline, headers=wire.headers
        )
        exchange.answered_by(route, answer.id)
        if exchange.client_left and exchange.call.stream and exchange.can_be_asked:
            answer.close()
            raise asyncio.CancelledError
        if exchange.call.stream:
            return await open_stream(answer, deadline, wire)
        return await _read_json(exchange, answer, wire)
    except TimeoutError as error:
        raise AttemptFailed(UpstreamTimeout(), outcome=deadline.missed) from error


async def _read_json(exchange: Exchange, answer: client.UpstreamAnswer, wire: Wire) -> bytes:
    """Read a whole JSON answer and its usage. Raises ``AttemptFailed`` if it is not an answer."""
    try:
        body = await answer.read_all(timeout=settings.UPSTREAM_IDLE_TIMEOUT)
    finally:
        answer.close()
    whole = wire.read_whole(body)
    exchange.upstream_id = answer.id or whole.id
    exchange.content_began()
    exchange.tally.add(whole.characters)
    exchange.note_usage(whole.report, final=True)
    return whole.body


def _note(
    exchange: Exchange, route: ServedRoute, began: float, *, outcome: str, status: int | None
) -> int:
    """Add an attempt to the receipt; returns how many milliseconds it took."""
    ms = round((time.perf_counter() - began) * 1000)
    exchange.tried(route, outcome=outcome, status=status, ms=ms)
    return ms
