"""Errors in Anthropic's shape.

https://platform.claude.com/docs/en/api/errors
"""

from typing import Any

from core.errors import ApiError

Json = dict[str, Any]

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def error_type(status: int) -> str:
    """Return Anthropic's error type for an HTTP status."""
    return _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")


def error_body(error: ApiError, request_id: str | None) -> Json:
    """Return the object of an error answer or an ``error`` event.

    Our code, the field and the facts are added to the fields of Anthropic's errors. The message of
    a 402 is our own: in place of Anthropic's ("Your credit balance is too low …"), Claude Code
    displays its own text, which has neither the figures nor our link.
    """
    body = {"type": error_type(error.status), "message": error.message, "code": error.code}
    if error.param is not None:
        body["param"] = error.param
    return {"type": "error", "error": {**body, **error.facts}, "request_id": request_id}
