"""The proxy's part of the OpenAPI document. Bodies are OpenAI's, so only our own is spelled out."""

from typing import Any

from accounts.errors import InvalidToken, TokenRevoked
from apikeys.errors import InvalidApiKey, KeyScope
from config.errors import (
    InvalidRequest,
    NotAuthenticated,
    PayloadTooLarge,
    Unavailable,
    UnsupportedMediaType,
)
from config.openapi import error_answers
from llmproxy.errors import (
    ContextLengthExceeded,
    ModelNotFound,
    ModelNotInPlan,
    NoUpstream,
    UpstreamError,
    UpstreamTimeout,
)
from tokens.errors import ConcurrencyLimited, InsufficientTokens, LimitReached

_OF_EVERY_ROUTE = (
    InvalidRequest,
    NotAuthenticated,
    InvalidToken,
    TokenRevoked,
    InvalidApiKey,
    KeyScope,
    Unavailable,
)
_OF_A_CALL = (
    *_OF_EVERY_ROUTE,
    ContextLengthExceeded,
    InsufficientTokens,
    LimitReached,
    ConcurrencyLimited,
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


# Of two limits on requests (the plan's and the key's), the one with less left. A reset is the time
# until nothing counts any more: "6ms", "59.95s", "1m0s".
_RATE_LIMIT_HEADERS = [
    (f"x-ratelimit-{what}-{kind}", "string" if what == "reset" else "integer")
    for kind in ("requests", "tokens")
    for what in ("limit", "remaining", "reset")
]

PROXY_SCHEMAS: dict[str, Any] = {
    "ChatCompletionRequest": {
        "type": "object",
        "description": "OpenAI's chat completion request; fields not named here pass through.",
        "required": ["model", "messages"],
        "properties": {
            "model": {"type": "string", "examples": ["openai/gpt-5-mini"]},
            "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "stream": {"type": ["boolean", "null"], "default": False},
            "max_tokens": {"type": ["integer", "null"], "minimum": 1},
            "max_completion_tokens": {"type": ["integer", "null"], "minimum": 1},
            "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 128},
            "stream_options": {
                "type": ["object", "null"],
                "properties": {"include_usage": {"type": "boolean"}},
            },
        },
        "additionalProperties": True,
    },
    "ChatCompletion": {
        "type": "object",
        "description": "OpenAI's chat completion object, as the provider sent it.",
        "additionalProperties": True,
    },
    "Model": {
        "type": "object",
        "required": ["id", "object", "created", "owned_by", "pricing", "weights", "providers"],
        "properties": {
            "id": {"type": "string"},
            "object": {"const": "model"},
            "created": {"type": "integer"},
            "owned_by": {"type": "string"},
            "name": {"type": "string"},
            "type": {"enum": ["chat", "embedding"]},
            "context_length": {"type": ["integer", "null"]},
            "max_output_tokens": {"type": ["integer", "null"]},
            "pricing": {
                "type": "object",
                "description": "USD per token, as decimal strings.",
                "properties": {
                    "prompt": {"type": ["string", "null"]},
                    "completion": {"type": ["string", "null"]},
                },
            },
            "weights": {
                "type": "object",
                "description": "Tokens charged for each token.",
                "properties": {
                    "prompt": {"type": "number"},
                    "completion": {"type": "number"},
                },
            },
            "providers": {"type": "array", "items": {"type": "string"}},
        },
    },
    "ModelList": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}},
        },
    },
}

PROXY_PATHS: dict[str, Any] = {
    "/api/llm/chat/completions": {
        "post": {
            "operationId": "chat_completions",
            "summary": "Chat with a model, metered",
            "tags": ["llm"],
            "security": _SECURITY,
            "requestBody": {"required": True, "content": _json("ChatCompletionRequest")},
            "responses": {
                "200": {
                    "description": "The completion, or with stream=true its events up to [DONE].",
                    "headers": {
                        name: {"schema": {"type": kind}}
                        for name, kind in (
                            ("x-tokens-reserved", "integer"),
                            ("x-tokens-available", "integer"),
                            ("x-llm-provider", "string"),
                            *_RATE_LIMIT_HEADERS,
                            ("X-Request-ID", "string"),
                        )
                    },
                    "content": {
                        **_json("ChatCompletion"),
                        "text/event-stream": {"schema": {"type": "string"}},
                    },
                },
                **error_answers(_OF_A_CALL),
            },
        }
    },
    "/api/llm/models": {
        "get": {
            "operationId": "models_list",
            "summary": "The models of the caller's plan",
            "tags": ["llm"],
            "security": _SECURITY,
            "parameters": [
                {
                    "name": "all",
                    "in": "query",
                    "schema": {"enum": ["1", "true"]},
                    "description": "Also those that the plan does not include.",
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
}
