"""The OpenAPI document: what drf-spectacular reads from the views, the proxy, and the errors."""

from typing import Any

from llmproxy.openapi import PROXY_PATHS, PROXY_SCHEMAS

Schema = dict[str, Any]

_ERRORS = {
    "400": "The request is not valid",
    "401": "Not authenticated",
    "403": "Not allowed",
    "404": "Not found",
    "405": "Method not allowed",
    "429": "Too many requests",
    "503": "Briefly unavailable",
}
_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "code", "message", "param", "request_id", "retryable"],
            "properties": {
                "type": {"type": "string"},
                "code": {"type": "string", "description": "What clients classify by."},
                "message": {"type": "string"},
                "param": {"type": ["string", "null"], "description": "The bad field."},
                "request_id": {"type": ["string", "null"]},
                "retryable": {"type": "boolean"},
                "fields": {
                    "type": "object",
                    "additionalProperties": {"type": "array", "items": {"type": "string"}},
                },
            },
            "additionalProperties": True,
        }
    },
}


def only_unversioned(endpoints: list[Any], **_: Any) -> list[Any]:
    """Leave out `/api/v1/…`, which is the same API once more."""
    return [endpoint for endpoint in endpoints if not endpoint[0].startswith("/api/v1/")]


def add_proxy(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Add the proxy's routes, which are plain async views."""
    result["paths"] = dict(sorted({**result["paths"], **PROXY_PATHS}.items()))
    result.setdefault("components", {}).setdefault("schemas", {}).update(PROXY_SCHEMAS)
    return result


def add_errors(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Give every operation the error answers that any route may give."""
    result["components"]["schemas"]["Error"] = _ERROR
    for path in result["paths"].values():
        for operation in path.values():
            for status, description in _ERRORS.items():
                operation["responses"].setdefault(status, _error_response(description))
    return result


def _error_response(description: str) -> Schema:
    reference = {"$ref": "#/components/schemas/Error"}
    return {"description": description, "content": {"application/json": {"schema": reference}}}
