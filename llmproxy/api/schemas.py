"""The JSON of the proxy's endpoints for the OpenAPI document. It describes only what we add."""

from typing import Any


def _wrapped(properties: dict[str, Any]) -> dict[str, Any]:
    """Describe an object that OpenRouter wraps in `data`."""
    inner = {"type": "object", "required": list(properties), "properties": properties}
    return {"type": "object", "required": ["data"], "properties": {"data": inner}}


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

_MESSAGES = {"type": "array", "minItems": 1, "items": {"type": "object"}}

PROXY_SCHEMAS: dict[str, Any] = {
    "ChatCompletionRequest": {
        "type": "object",
        "description": "OpenAI's chat completion request; fields not listed here are passed on.",
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
    "MessagesRequest": {
        "type": "object",
        "description": "Anthropic's request; fields not listed here are passed on, or are named in"
        " a 400 if they cannot be sent to the provider. Errors have Anthropic's shape.",
        "required": ["model", "max_tokens", "messages"],
        "properties": {
            "model": {"type": "string", "examples": ["anthropic/claude-sonnet-4.5"]},
            "max_tokens": {"type": "integer", "minimum": 1},
            "messages": _MESSAGES,
            "stream": {"type": ["boolean", "null"], "default": False},
        },
        "additionalProperties": True,
    },
    "Message": {
        "type": "object",
        "description": "Anthropic's message object.",
        "additionalProperties": True,
    },
    "MessagesError": {
        "type": "object",
        "description": "Anthropic's error object, with our code and facts in addition to its type.",
        "required": ["type", "error", "request_id"],
        "properties": {
            "type": {"const": "error"},
            "error": {
                "type": "object",
                "required": ["type", "message", "code"],
                "properties": {
                    "type": {"type": "string"},
                    "message": {"type": "string"},
                    "code": {"type": "string"},
                    "param": {"type": "string"},
                },
                "additionalProperties": True,
            },
            "request_id": {"type": ["string", "null"]},
        },
    },
    "CountTokensRequest": {
        "type": "object",
        "required": ["model", "messages"],
        "properties": {"model": {"type": "string"}, "messages": _MESSAGES},
        "additionalProperties": True,
    },
    "TokenCount": {
        "type": "object",
        "required": ["input_tokens"],
        "properties": {"input_tokens": {"type": "integer"}},
    },
    "ResponsesRequest": {
        "type": "object",
        "description": "OpenAI's request; fields not listed here are passed on, or are named in a"
        " 400 if they cannot be sent to the provider. Responses are not stored: `store` and"
        " `previous_response_id` are refused.",
        "required": ["model", "input"],
        "properties": {
            "model": {"type": "string", "examples": ["openai/gpt-5-mini"]},
            "input": {
                "oneOf": [
                    {"type": "string", "minLength": 1},
                    {"type": "array", "minItems": 1, "items": {"type": "object"}},
                ]
            },
            "max_output_tokens": {"type": ["integer", "null"], "minimum": 1},
            "stream": {"type": ["boolean", "null"], "default": False},
        },
        "additionalProperties": True,
    },
    "Response": {
        "type": "object",
        "description": "OpenAI's response object.",
        "additionalProperties": True,
    },
    "CompletionRequest": {
        "type": "object",
        "description": "OpenAI's legacy completion request; fields not listed here are passed on.",
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
        "description": "OpenAI's embedding request; fields not listed here are passed on.",
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
            "max_completion_tokens": {
                "type": "integer",
                "description": "The most output that the caller's plan and the model allow.",
            },
            "architecture": {
                "type": "object",
                "description": "As listed by the provider; only text if it lists none.",
                "properties": {
                    "modality": {"type": "string"},
                    "input_modalities": {"type": "array", "items": {"type": "string"}},
                    "output_modalities": {"type": "array", "items": {"type": "string"}},
                },
            },
            "supported_parameters": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Absent if the provider does not list them.",
            },
            "top_provider": {
                "type": "object",
                "description": "The same figures in OpenRouter's object.",
                "properties": {
                    "context_length": {"type": ["integer", "null"]},
                    "max_completion_tokens": {"type": "integer"},
                    "is_moderated": {"type": "boolean"},
                },
            },
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
                    "input_cache_read": {"type": ["string", "null"]},
                    "input_cache_write": {"type": ["string", "null"]},
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
                "description": "degraded: recent requests failed; down: it gets no requests.",
            },
            "latency_ms": {
                "type": ["integer", "null"],
                "description": "Average time to the first content of recent answers.",
            },
            "last_error": {
                "type": ["string", "null"],
                "description": "The kind of error: status_503, ConnectTimeout, garbage …",
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
    "KeyStatus": _wrapped(
        {
            "label": {"type": "string"},
            "usage": {"type": "integer", "description": "Tokens charged; for a key, this month."},
            "limit": {"type": ["integer", "null"]},
            "limit_remaining": {"type": ["integer", "null"]},
            "is_free_tier": {"type": "boolean"},
            "rate_limit": {
                "type": "object",
                "properties": {
                    "requests": {"type": ["integer", "null"]},
                    "interval": {"type": "string"},
                },
            },
        }
    ),
    "Credits": _wrapped(
        {
            "total_credits": {"type": "integer", "description": "Tokens: allowance and bonus."},
            "total_usage": {"type": "integer", "description": "Tokens used in this period."},
        }
    ),
    "Generation": _wrapped(
        {
            "id": {"type": "string"},
            "request_id": {"type": "string"},
            "model": {"type": "string"},
            "provider_name": {"type": "string"},
            "created_at": {"type": "string", "format": "date-time"},
            "streamed": {"type": "boolean"},
            "cancelled": {"type": "boolean"},
            "latency": {"type": ["integer", "null"], "description": "Milliseconds."},
            "generation_time": {"type": ["integer", "null"], "description": "Milliseconds."},
            "tokens_prompt": {"type": "integer"},
            "tokens_completion": {"type": "integer"},
            "native_tokens_prompt": {"type": "integer"},
            "native_tokens_completion": {"type": "integer"},
            "native_tokens_reasoning": {"type": "integer"},
            "native_tokens_cached": {"type": "integer"},
            "total_cost": {"type": ["number", "null"], "description": "USD."},
            "usage": {"type": "integer", "description": "Tokens charged."},
            "is_final": {"type": "boolean"},
        }
    ),
}
