"""Unknown paths below the proxy's base URLs: a JSON 404 that lists the endpoints."""

from django.http import HttpRequest, HttpResponse

from core.errors import NotFound
from llmproxy.api.base import without_csrf
from llmproxy.api.dialects import speaks

_ENDPOINTS = (
    "POST /v1/chat/completions, POST /v1/responses, POST /v1/messages, "
    "POST /v1/messages/count_tokens, POST /v1/completions, POST /v1/embeddings, GET /v1/models, "
    "GET /v1/providers, GET /v1/key, GET /v1/credits, GET /v1/generation"
)


@without_csrf
async def base(request: HttpRequest) -> HttpResponse:
    """Answer the base URL itself, which some clients request to check that the server is up."""
    if request.method == "HEAD":
        return HttpResponse(content_type="application/json")
    raise NotFound(f"This is a base URL. Its endpoints: {_ENDPOINTS}.")


@without_csrf
async def endpoint(request: HttpRequest, rest: str) -> HttpResponse:
    if rest.startswith("messages") or "HTTP_ANTHROPIC_VERSION" in request.META:
        speaks("messages", request)
    raise NotFound(f"There is no endpoint {request.method} /{rest[:200]}. {_EXISTING}")


_EXISTING = f"Endpoints: {_ENDPOINTS}."
