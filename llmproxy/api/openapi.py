"""The proxy's part of the OpenAPI document. Bodies are OpenAI's, so only our own is spelled out."""

from typing import Any

from accounts.errors import InvalidToken, TokenRevoked
from apikeys.errors import AddressNotAllowed, InvalidApiKey, KeyScope
from core.errors import (
    InvalidRequest,
    NotAuthenticated,
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


# Of two limits on requests (the plan's and the key's), the one with less left. A reset is the time
# until nothing counts any more: "6ms", "59.95s", "1m0s".
_RATE_LIMIT_HEADERS = [
    (f"x-ratelimit-{what}-{kind}", "string" if what == "reset" else "integer")
    for kind in ("requests", "tokens")
    for what in ("limit", "remaining", "reset")
]


def _relayed(
    name: str, summary: str, request: str, answer: str, *, streams: bool
) -> dict[str, Any]:
    """Describe a route that relays to a model."""
    events = {"text/event-stream": {"schema": {"type": "string"}}} if streams else {}
    headers = {
        name: {"schema": {"type": kind}}
        for name, kind in (
            ("x-tokens-reserved", "integer"),
            ("x-tokens-available", "integer"),
            ("x-llm-provider", "string"),
            *_RATE_LIMIT_HEADERS,
            ("X-Request-ID", "string"),
        )
    }
    told = "The answer, or with stream=true its events up to [DONE]." if streams else "The answer."
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["llm"],
        "security": _SECURITY,
        "requestBody": {"required": True, "content": _json(request)},
        "responses": {
            "200": {
                "description": told,
                "headers": headers,
                "content": {**_json(answer), **events},
            },
            **error_answers(_OF_A_CALL),
        },
    }


_IDS = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1}
_INPUT: dict[str, Any] = {
    "description": "A text, a list of token ids, or a list of up to 2048 of either.",
    "oneOf": [
        {"type": "string"},
        _IDS,
        {
            "type": "array",
            "items": {"oneOf": [{"type": "string"}, _IDS]},
            "minItems": 1,
            "maxItems": 2048,
        },
    ],
}

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
    "CompletionRequest": {
        "type": "object",
        "description": "OpenAI's legacy completion request; fields not named here pass through.",
        "required": ["model", "prompt"],
        "properties": {
            "model": {"type": "string", "examples": ["openai/gpt-5-mini"]},
            "prompt": _INPUT,
            "suffix": {"type": ["string", "null"]},
            "stream": {"type": ["boolean", "null"], "default": False},
            "max_tokens": {"type": ["integer", "null"], "minimum": 0, "default": 16},
            "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 128},
            "best_of": {"type": ["integer", "null"], "minimum": 1, "maximum": 20},
            "echo": {"type": ["boolean", "null"]},
            "stream_options": {
                "type": ["object", "null"],
                "properties": {"include_usage": {"type": "boolean"}},
            },
        },
        "additionalProperties": True,
    },
    "Completion": {
        "type": "object",
        "description": "OpenAI's text completion object, as the provider sent it.",
        "additionalProperties": True,
    },
    "EmbeddingRequest": {
        "type": "object",
        "description": "OpenAI's embedding request; fields not named here pass through.",
        "required": ["model", "input"],
        "properties": {
            "model": {"type": "string", "examples": ["openai/text-embedding-3-small"]},
            "input": _INPUT,
        },
        "additionalProperties": True,
    },
    "EmbeddingList": {
        "type": "object",
        "description": "OpenAI's list of embeddings, as the provider sent it.",
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
                    "cached": {
                        "type": ["string", "null"],
                        "description": "For prompt tokens read from the provider's cache.",
                    },
                    "cache_write": {
                        "type": ["string", "null"],
                        "description": "For prompt tokens written to the provider's cache.",
                    },
                    "request": {"type": ["string", "null"], "description": "For each request."},
                },
            },
            "weights": {
                "type": "object",
                "description": "Tokens charged for each token of a kind.",
                "required": ["prompt", "completion", "cache_read", "cache_write"],
                "properties": {
                    "prompt": {"type": "number"},
                    "completion": {"type": "number"},
                    "cache_read": {
                        "type": "number",
                        "description": "For prompt tokens read from the provider's cache.",
                    },
                    "cache_write": {
                        "type": "number",
                        "description": "For prompt tokens written to the provider's cache.",
                    },
                },
            },
            "providers": {"type": "array", "items": {"type": "string"}},
        },
    },
    "Provider": {
        "type": "object",
        "required": ["id", "object", "health", "latency_ms", "last_error", "last_error_at"],
        "properties": {
            "id": {"type": "string"},
            "object": {"const": "provider"},
            "health": {
                "enum": ["up", "degraded", "down"],
                "description": "degraded: it failed of late; down: it is not asked now.",
            },
            "latency_ms": {
                "type": ["integer", "null"],
                "description": "Until an answer's first content, on the average of the last ones.",
            },
            "last_error": {
                "type": ["string", "null"],
                "description": "Its class: status_503, ConnectTimeout, garbage …",
            },
            "last_error_at": {"type": ["integer", "null"], "description": "Unix time."},
        },
    },
    "ProviderList": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {
            "object": {"const": "list"},
            "data": {"type": "array", "items": {"$ref": "#/components/schemas/Provider"}},
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
        "post": _relayed(
            "chat_completions",
            "Chat with a model, metered",
            "ChatCompletionRequest",
            "ChatCompletion",
            streams=True,
        )
    },
    "/api/llm/completions": {
        "post": _relayed(
            "completions",
            "Complete a text, metered",
            "CompletionRequest",
            "Completion",
            streams=True,
        )
    },
    "/api/llm/embeddings": {
        "post": _relayed(
            "embeddings", "Embed texts, metered", "EmbeddingRequest", "EmbeddingList", streams=False
        )
    },
    "/api/llm/providers": {
        "get": {
            "operationId": "providers_list",
            "summary": "How the providers are doing",
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
