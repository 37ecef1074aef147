"""Endpoints that list the models and the health of the providers."""

from django.http import HttpRequest, HttpResponse

from core.http.methods import allow_methods
from llmproxy.api.base import authenticated, json_answer, without_csrf
from llmproxy.api.dialects import speaks
from llmproxy.api.listings import in_anthropics_shape, in_openrouters_shape, page
from llmproxy.catalog.snapshot import catalog
from llmproxy.errors import ModelNotFound, NoUpstream
from llmproxy.providers import configured
from llmproxy.routing import health
from llmproxy.routing.health import ProviderHealth
from tokens.tiers import allows


@without_csrf
async def models(request: HttpRequest) -> HttpResponse:
    """GET /api/llm/models: the models of the caller's plan, or all models with ?all=1.

    Clients that send `anthropic-version` get Anthropic's shape, with only the chat models.
    """
    as_anthropic = _asks_as_anthropic(request)
    allow_methods(request, "GET", "HEAD")
    caller = await authenticated(request)
    every = request.GET.get("all") in ("1", "true")
    listed = [
        model
        for model in (await catalog.models()).values()
        if model.routes and (every or allows(caller.allowed_models, model.name))
    ]
    if as_anthropic:
        chat = [in_anthropics_shape(one, caller) for one in listed if one.kind == "chat"]
        asked = {name: request.GET.get(name, "") for name in ("limit", "after_id", "before_id")}
        return json_answer(page(chat, **asked))
    shown = [in_openrouters_shape(model, caller) for model in listed]
    return json_answer({"object": "list", "data": shown})


@without_csrf
async def model_detail(request: HttpRequest, name: str) -> HttpResponse:
    """GET /api/llm/models/{id}."""
    shape = in_anthropics_shape if _asks_as_anthropic(request) else in_openrouters_shape
    allow_methods(request, "GET", "HEAD")
    caller = await authenticated(request)
    name = name.removesuffix("/")
    try:
        return json_answer(shape(await catalog.find(name), caller))
    except NoUpstream as error:
        raise ModelNotFound(name) from error


def _asks_as_anthropic(request: HttpRequest) -> bool:
    """Return whether the client expects Anthropic's shapes. Errors then have them, too."""
    if "HTTP_ANTHROPIC_VERSION" not in request.META:
        return False
    speaks("messages", request)
    return True


@without_csrf
async def providers(request: HttpRequest) -> HttpResponse:
    """GET /api/llm/providers: the health of each provider, as seen by all workers."""
    allow_methods(request, "GET", "HEAD")
    await authenticated(request)
    known = await catalog.snapshot()
    listed = [
        {"id": name, "object": "provider", **_health(name, known.switched_off)}
        for name in configured()
    ]
    return json_answer({"object": "list", "data": listed})


def _health(name: str, switched_off: frozenset[str]) -> ProviderHealth:
    state = health.describe(name)
    return state | {"health": "down"} if name in switched_off else state
