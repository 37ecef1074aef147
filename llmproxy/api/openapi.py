"""The proxy's part of the OpenAPI document. It describes only what we add to OpenAI's bodies."""

from collections.abc import Sequence
from typing import Any

from accounts.errors import InvalidToken, TokenRevoked
from apikeys.errors import AddressNotAllowed, InvalidApiKey, KeyScope
from core.errors import (
    ApiError,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    PayloadTooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from core.http.openapi import error_answers
from llmproxy.errors import (
    ContextLengthExceeded,
    ModelNotFound,
    ModelNotInPlan,
    NoUpstream,
    UpstreamError,
    UpstreamTimeout,
)
from tokens.errors import ConcurrencyLimited, InsufficientTokens, KeyBudgetExceeded, LimitReached

_OF_EVERY_ROUTE = (
    InvalidRequest,
    NotAuthenticated,
    InvalidToken,
    TokenRevoked,
    InvalidApiKey,
    KeyScope,
    AddressNotAllowed,
    Unavailable,
)
_OF_A_CALL = (
    *_OF_EVERY_ROUTE,
    ContextLengthExceeded,
    InsufficientTokens,
    LimitReached,
    ConcurrencyLimited,
    KeyBudgetExceeded,
    ModelNotInPlan,
    ModelNotFound,
    PayloadTooLarge,
    UnsupportedMediaType,
    UpstreamError,
    NoUpstream,
    UpstreamTimeout,
)

_SECURITY: list[dict[str, list[str]]] = [{"bearerAuth": []}, {"apiKeyAuth": []}]


def _answer(description: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": content}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


# With two limits on requests (the plan's and the key's), the one with fewer left. A reset is the
# time until no request counts any more: "6ms", "59.95s", "1m0s".
_RATE_LIMIT_HEADERS = [
    (f"x-ratelimit-{what}-{kind}", "string" if what == "reset" else "integer")
    for kind in ("requests", "tokens")
    for what in ("limit", "remaining", "reset")
]


def _relayed(
    name: str,
    summary: str,
    request: str,
    answer: str,
    *,
    streams: bool,
    last: str = "[DONE]",
    error: str = "Error",
) -> dict[str, Any]:
    """Describe a route that relays to a model; ``last`` is the last event of a stream."""
    events = {"text/event-stream": {"schema": {"type": "string"}}} if streams else {}
    headers = {
        name: {"schema": {"type": kind}}
        for name, kind in (
            ("x-tokens-reserved", "integer"),
            ("x-tokens-available", "integer"),
            ("x-llm-provider", "string"),
            ("x-output-limit", "integer"),
            ("x-output-limited-by", "string"),
            ("x-omitted-fields", "string"),
            *_RATE_LIMIT_HEADERS,
            ("X-Request-ID", "string"),
        )
    }
    about = f"The answer. With stream=true, its events up to {last}." if streams else "The answer."
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["llm"],
        "security": _SECURITY,
        "requestBody": {"required": True, "content": _json(request)},
        "responses": {
            "200": {
                "description": about,
                "headers": headers,
                "content": {**_json(answer), **events},
            },
            **error_answers(_OF_A_CALL, schema=error),
        },
    }


def _looked_up(
    name: str,
    summary: str,
    answer: str,
    *,
    parameters: Sequence[dict[str, Any]] = (),
    errors: tuple[type[ApiError], ...] = (),
) -> dict[str, Any]:
    """Describe a route that only reads."""
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["llm"],
            "security": _SECURITY,
            "parameters": list(parameters),
            "responses": {
                "200": _answer("Found", _json(answer)),
                **error_answers((*_OF_EVERY_ROUTE, *errors)),
            },
        }
    }


PROXY_PATHS: dict[str, Any] = {
    "/api/llm/chat/completions": {
        "post": _relayed(
            "chat_completions",
            "Create a chat completion",
            "ChatCompletionRequest",
            "ChatCompletion",
            streams=True,
        )
    },
    "/api/llm/messages": {
        "post": _relayed(
            "messages",
            "Create a message (Anthropic's Messages)",
            "MessagesRequest",
            "Message",
            streams=True,
            last="message_stop",
            error="MessagesError",
        )
    },
    "/api/llm/messages/count_tokens": {
        "post": {
            "operationId": "messages_count_tokens",
            "summary": "Estimate a prompt's tokens: free, and not counted in any limit",
            "tags": ["llm"],
            "security": _SECURITY,
            "requestBody": {"required": True, "content": _json("CountTokensRequest")},
            "responses": {
                "200": _answer("The estimate", _json("TokenCount")),
                **error_answers(
                    (
                        *_OF_EVERY_ROUTE,
                        ModelNotInPlan,
                        ModelNotFound,
                        PayloadTooLarge,
                        UnsupportedMediaType,
                        NoUpstream,
                    ),
                    schema="MessagesError",
                ),
            },
        }
    },
    "/api/llm/responses": {
        "post": _relayed(
            "responses",
            "Create a response (OpenAI's Responses)",
            "ResponsesRequest",
            "Response",
            streams=True,
            last="response.completed",
        )
    },
    "/api/llm/completions": {
        "post": _relayed(
            "completions",
            "Create a legacy text completion",
            "CompletionRequest",
            "Completion",
            streams=True,
        )
    },
    "/api/llm/embeddings": {
        "post": _relayed(
            "embeddings", "Create embeddings", "EmbeddingRequest", "EmbeddingList", streams=False
        )
    },
    "/api/llm/providers": {
        "get": {
            "operationId": "providers_list",
            "summary": "Health of the providers",
            "tags": ["llm"],
            "security": _SECURITY,
            "responses": {
                "200": _answer("The providers", _json("ProviderList")),
                **error_answers(_OF_EVERY_ROUTE),
            },
        }
    },
    "/api/llm/models": {
        "get": {
            "operationId": "models_list",
            "summary": "Models of the caller's plan",
            "tags": ["llm"],
            "security": _SECURITY,
            "parameters": [
                {
                    "name": "all",
                    "in": "query",
                    "schema": {"enum": ["1", "true"]},
                    "description": "Also list models that the plan does not include.",
                }
            ],
            "responses": {
                "200": _answer("The models", _json("ModelList")),
                **error_answers(_OF_EVERY_ROUTE),
            },
        }
    },
    "/api/llm/models/{id}": {
        "get": {
            "operationId": "models_retrieve",
            "summary": "One model",
            "tags": ["llm"],
            "security": _SECURITY,
            "parameters": [
                {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
            ],
            "responses": {
                "200": _answer("The model", _json("Model")),
                **error_answers((*_OF_EVERY_ROUTE, ModelNotFound)),
            },
        }
    },
    "/api/llm/key": _looked_up(
        "key_retrieve", "The key's remaining tokens, in OpenRouter's shape", "KeyStatus"
    ),
    "/api/llm/credits": _looked_up(
        "credits_retrieve", "The tokens of this period, in OpenRouter's shape", "Credits"
    ),
    "/api/llm/generation": _looked_up(
        "generation_retrieve",
        "The receipt of a request, in OpenRouter's shape",
        "Generation",
        parameters=[{"name": "id", "in": "query", "required": True, "schema": {"type": "string"}}],
        errors=(NotFound,),
    ),
}
