"""What agents look up before they ask: the models, and how the providers are."""

from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse

from core.decimals import plain
from core.http.methods import insist_on
from llmproxy.api.base import authenticated, json_answer, without_csrf
from llmproxy.catalog.snapshot import ServedModel, catalog
from llmproxy.errors import ModelNotFound, NoUpstream
from llmproxy.providers import configured
from llmproxy.relay.callers import Caller
from llmproxy.routing import health
from tokens.tiers import allows


@without_csrf
async def models(request: HttpRequest) -> HttpResponse:
    """GET /api/llm/models: those of the caller's plan, or with ?all=1 every one."""
    insist_on(request, "GET", "HEAD")
    caller = await authenticated(request)
    every = request.GET.get("all") in ("1", "true")
    listed = [
        _model(model, caller)
        for model in (await catalog.models()).values()
        if model.routes and (every or allows(caller.allowed_models, model.name))
    ]
    return json_answer({"object": "list", "data": listed})


@without_csrf
async def model_detail(request: HttpRequest, name: str) -> HttpResponse:
    """GET /api/llm/models/{id}."""
    insist_on(request, "GET", "HEAD")
    caller = await authenticated(request)
    name = name.removesuffix("/")
    try:
        return json_answer(_model(await catalog.find(name), caller))
    except NoUpstream as error:
        raise ModelNotFound(name) from error


@without_csrf
async def providers(request: HttpRequest) -> HttpResponse:
    """GET /api/llm/providers: how each is doing, as this worker and the others see it."""
    insist_on(request, "GET", "HEAD")
    await authenticated(request)
    known = await catalog.snapshot()
    listed = [
        {"id": name, "object": "provider", **_health(name, known.switched_off)}
        for name in configured()
    ]
    return json_answer({"object": "list", "data": listed})


def _health(name: str, switched_off: frozenset[str]) -> dict[str, Any]:
    told = health.describe(name)
    return {**told, "health": "down"} if name in switched_off else told


def _usd(price: Decimal | None) -> str | None:
    return None if price is None else plain(price)


def _model(model: ServedModel, caller: Caller) -> dict[str, Any]:
    """Return OpenAI's fields, with OpenRouter's: what this caller may have, not what there is."""
    prices = model.routes[0].prices
    caps = (model.max_output_tokens, caller.max_output_tokens)
    most_output = min(cap for cap in caps if cap is not None)
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": model.name.partition("/")[0] if "/" in model.name else "system",
        "name": model.title or model.name,
        "type": model.kind,
        "context_length": model.context_length,
        "max_output_tokens": model.max_output_tokens,
        "max_completion_tokens": most_output,
        "top_provider": {
            "context_length": model.context_length,
            "max_completion_tokens": most_output,
            "is_moderated": False,
        },
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
