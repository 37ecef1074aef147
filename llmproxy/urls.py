"""The proxy's routes, under several base URLs, and the endpoint for reporting usage."""

from django.urls import URLPattern, URLResolver, include, path

from llmproxy.api import catalog, consumption, lookups, unknown, views

# Clients append different parts of the path: OpenAI's SDKs `/chat/completions`, Anthropic's
# `/v1/messages`. So base URLs with and without `v1` both work.
BASES = ("api/llm/v1", "api/llm", "api/v1/llm", "v1")

_ENDPOINTS = {
    "chat/completions": views.chat_completions,
    "completions": views.completions,
    "embeddings": views.embeddings,
    "messages": views.messages,
    "messages/count_tokens": views.count_tokens,
    "responses": views.responses,
    "providers": catalog.providers,
    "models": catalog.models,
    "key": lookups.key,
    "credits": lookups.credits_left,
    "generation": lookups.generation,
}

_below_a_base = [
    *(path(name, view) for name, view in _ENDPOINTS.items()),
    *(path(f"{name}/", view) for name, view in _ENDPOINTS.items()),
    path("models/<path:name>", catalog.model_detail),
    path("", unknown.base),
    path("<path:rest>", unknown.endpoint),
]

proxy: list[URLPattern | URLResolver] = [
    *(path(base, unknown.base) for base in BASES),
    *(path(f"{base}/", include(_below_a_base)) for base in BASES),
]

urlpatterns = [
    path("tokens/consume", consumption.ConsumeView.as_view(), name="consume"),
]
