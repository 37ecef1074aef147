"""The endpoints that ask a model: async views that parse, call and answer. OpenAI's shapes."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from core.errors import UnsupportedMediaType
from core.http.attribution import attribution
from core.http.handlers import is_whole, when_client_leaves, whole_body
from core.http.headers import add_plain
from core.http.methods import insist_on
from llmproxy.api import encodings, uploads
from llmproxy.api.base import authenticated, without_csrf
from llmproxy.protocol import calls
from llmproxy.protocol.calls import Call, Endpoint
from llmproxy.relay.callers import Caller
from llmproxy.relay.relay import Answer, relay


def _relayed(endpoint: Endpoint) -> Callable[[HttpRequest], Coroutine[Any, Any, HttpResponseBase]]:
    @without_csrf
    async def view(request: HttpRequest) -> HttpResponseBase:
        insist_on(request, "POST")
        caller = await authenticated(request)
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
