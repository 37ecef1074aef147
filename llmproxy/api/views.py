"""The proxy's routes: async views that parse, call and answer. OpenAI's paths and shapes."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from apikeys.models import Scope
from core.decimals import plain
from core.errors import UnsupportedMediaType
from core.http.attribution import attribution
from core.http.handlers import is_whole, when_client_leaves, whole_body
from core.http.headers import add_plain
from core.http.methods import insist_on
from llmproxy.api import encodings, uploads
from llmproxy.catalog.snapshot import ServedModel, catalog
from llmproxy.errors import ModelNotFound, NoUpstream
from llmproxy.protocol import calls
from llmproxy.protocol.calls import Call, Endpoint
from llmproxy.providers import configured
from llmproxy.relay.callers import Caller, identify
from llmproxy.relay.relay import Answer, relay
from llmproxy.routing import health
from tokens.tiers import allows

View = TypeVar("View", bound=Callable[..., Awaitable[HttpResponseBase]])


def _without_csrf(view: View) -> View:
    """Mark a view as ``csrf_exempt`` does, without another coroutine around each request."""
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


def _relayed(endpoint: Endpoint) -> Callable[[HttpRequest], Coroutine[Any, Any, HttpResponseBase]]:
    @_without_csrf
    async def view(request: HttpRequest) -> HttpResponseBase:
        insist_on(request, "POST")
        caller = await _caller(request)
        _insist_on_json(request)
        raw = await _body(request, caller)
        call = await _parse(endpoint, raw)
        on_leave = partial(when_client_leaves, request)
        named = attribution(request.META, call.body)
        return _response(await relay(call, caller, request.id, on_leave, named))  # type: ignore[attr-defined]

    return view


chat_completions = _relayed(calls.CHAT)
completions = _relayed(calls.COMPLETIONS)
embeddings = _relayed(calls.EMBEDDINGS)


@_without_csrf
async def models(request: HttpRequest) -> HttpResponse:
    """GET /api/llm/models: those of the caller's plan, or with ?all=1 every one."""
    insist_on(request, "GET", "HEAD")
    caller = await _caller(request)
    every = request.GET.get("all") in ("1", "true")
    listed = [
        _model(model)
        for model in (await catalog.models()).values()
        if model.routes and (every or allows(caller.allowed_models, model.name))
    ]
    return _json({"object": "list", "data": listed})


@_without_csrf
async def model_detail(request: HttpRequest, name: str) -> HttpResponse:
    """GET /api/llm/models/{id}."""
    insist_on(request, "GET", "HEAD")
    await _caller(request)
    try:
        return _json(_model(await catalog.find(name)))
    except NoUpstream as error:
        raise ModelNotFound(name) from error


@_without_csrf
async def providers(request: HttpRequest) -> HttpResponse:
    """GET /api/llm/providers: how each is doing, as this worker and the others see it."""
    insist_on(request, "GET", "HEAD")
    await _caller(request)
    known = await catalog.snapshot()
    listed = [
        {"id": name, "object": "provider", **_health(name, known.switched_off)}
        for name in configured()
    ]
    return _json({"object": "list", "data": listed})


def _health(name: str, switched_off: frozenset[str]) -> dict[str, Any]:
    told = health.describe(name)
    return {**told, "health": "down"} if name in switched_off else told


def _insist_on_json(request: HttpRequest) -> None:
    """Raise ``UnsupportedMediaType`` for a body that says to be something else."""
    if request.META.get("CONTENT_TYPE", "") not in ("application/json", ""):
        kind = request.content_type or ""  # without parameters, in lower case
        if kind != "application/json" and not kind.endswith("+json"):
            raise UnsupportedMediaType


async def _body(request: HttpRequest, caller: Caller) -> bytes:
    """Return the body, decoded; of each user few that come in parts are read at once."""
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "")
    if is_whole(request):
        raw = request.body
    else:
        with uploads.of(caller.user_id, at_most=caller.limits.concurrent_requests):
            raw = await whole_body(request)
    return encodings.decoded(raw, encoding) if encoding else raw


async def _parse(endpoint: Endpoint, raw: bytes) -> Call:
    if calls.is_large(raw):
        return await asyncio.to_thread(calls.parse, endpoint, raw)
    return calls.parse(endpoint, raw)


async def _caller(request: HttpRequest) -> Caller:
    caller = await identify(request)
    caller.require(Scope.LLM)
    return caller


def _response(answer: Answer) -> HttpResponseBase:
    exchange, body = answer.exchange, answer.body
    headers = {
        **exchange.slot.headers,
        "x-tokens-reserved": str(exchange.hold.amount),
        "x-tokens-available": str(exchange.hold.available),
        "Cache-Control": "no-store",
    }
    response: HttpResponseBase
    if isinstance(body, bytes):
        response = HttpResponse(body, content_type="application/json")
    else:
        response = StreamingHttpResponse(body, content_type="text/event-stream")
        # Proxies in front of us must not gather the stream.
        headers["X-Accel-Buffering"] = "no"
    add_plain(response, headers)
    if exchange.has_content:  # Else it is still being looked for.
        response.headers["x-llm-provider"] = exchange.provider
    return response


def _json(value: Any) -> HttpResponse:
    return HttpResponse(orjson.dumps(value), content_type="application/json")


def _usd(price: Decimal | None) -> str | None:
    return None if price is None else plain(price)


def _model(model: ServedModel) -> dict[str, Any]:
    prices = model.routes[0].prices
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": model.name.partition("/")[0] if "/" in model.name else "system",
        "name": model.title or model.name,
        "type": model.kind,
        "context_length": model.context_length,
        "max_output_tokens": model.max_output_tokens,
        "pricing": {
            "prompt": _usd(prices.prompt),
            "completion": _usd(prices.completion),
            "cached": _usd(prices.cached),
            "cache_write": _usd(prices.cache_write),
            "request": _usd(prices.request),
        },
        "weights": {
            "prompt": float(model.weights.prompt),
            "completion": float(model.weights.completion),
            "cache_read": float(model.weights.of_reads),
            "cache_write": float(model.weights.of_writes),
        },
        "providers": [route.provider.name for route in model.routes],
    }
