"""The endpoints that send requests to a model: async views that parse, call and respond."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from msgspec.structs import replace

from core.errors import UnsupportedMediaType
from core.http.attribution import attribution
from core.http.disconnects import when_client_leaves
from core.http.handlers import is_whole, whole_body
from core.http.methods import allow_methods
from core.http.responses import PlainResponse, PlainStream
from llmproxy.api import encodings, uploads
from llmproxy.api.base import authenticated, json_answer, without_csrf
from llmproxy.api.dialects import headers_for_provider, in_dialect
from llmproxy.protocol import calls
from llmproxy.protocol.calls import Call, Endpoint
from llmproxy.relay.callers import Caller
from llmproxy.relay.relay import Answer, find_model, relay


def _relayed(endpoint: Endpoint) -> Callable[[HttpRequest], Coroutine[Any, Any, HttpResponseBase]]:
    @without_csrf
    async def view(request: HttpRequest) -> HttpResponseBase:
        allow_methods(request, "POST")
        caller = await authenticated(request)
        _require_json(request)
        raw = await _body(request, caller)
        call = await _parse(endpoint, raw)
        if endpoint.dialect == "messages":
            call = replace(call, headers=headers_for_provider(request))
        on_leave = partial(when_client_leaves, request)
        named = attribution(request.META, call.body)
        trace = request.META.get("HTTP_TRACEPARENT", "")
        return _response(await relay(call, caller, request.id, on_leave, named, trace))  # type: ignore[attr-defined]

    return view


chat_completions = _relayed(calls.CHAT)
completions = _relayed(calls.COMPLETIONS)
embeddings = _relayed(calls.EMBEDDINGS)
messages = in_dialect("messages", _relayed(calls.MESSAGES))
responses = in_dialect("responses", _relayed(calls.RESPONSES))


async def _count_tokens(request: HttpRequest) -> HttpResponse:
    """POST /messages/count_tokens: our estimate. It is free and does not count in any limit."""
    allow_methods(request, "POST")
    caller = await authenticated(request)
    _require_json(request)
    call = await _parse(calls.COUNT_TOKENS, await _body(request, caller))
    await find_model(call, caller)
    return json_answer({"input_tokens": call.prompt.likely})


count_tokens = in_dialect("messages", _count_tokens)


def _require_json(request: HttpRequest) -> None:
    """Raise ``UnsupportedMediaType`` if the request has another content type."""
    if request.META.get("CONTENT_TYPE", "") not in ("application/json", ""):
        kind = request.content_type or ""  # without parameters, in lower case
        if kind != "application/json" and not kind.endswith("+json"):
            raise UnsupportedMediaType


async def _body(request: HttpRequest, caller: Caller) -> bytes:
    """Return the decoded body. A user can send only a few bodies in parts at once."""
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
        "Content-Type": "application/json",
        **exchange.slot.headers,
        "x-tokens-reserved": str(exchange.hold.amount),
        "x-tokens-available": str(exchange.hold.available),
        "x-output-limit": str(exchange.output_limit.tokens),
        "x-output-limited-by": exchange.output_limit.by,
        "Cache-Control": "no-store",
    }
    if exchange.has_content:  # Otherwise no provider is known yet.
        headers["x-llm-provider"] = exchange.provider
        if exchange.omitted:
            headers["x-omitted-fields"] = _listed(exchange.omitted)
    if isinstance(body, bytes):
        return PlainResponse(body, headers)
    headers["Content-Type"] = "text/event-stream"
    headers["X-Accel-Buffering"] = "no"  # Reverse proxies must not buffer the stream.
    return PlainStream(body, headers)


_MOST_LISTED = 1000


def _listed(paths: tuple[str, ...]) -> str:
    """Write the paths of fields to a header. The client chose their names."""
    return re.sub(r"[^A-Za-z0-9_., -]", "?", ", ".join(paths))[:_MOST_LISTED]
