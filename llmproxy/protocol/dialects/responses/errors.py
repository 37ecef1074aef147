"""Errors within a response, in OpenAI's shape."""

from typing import Any

from core.errors import ApiError

Json = dict[str, Any]

_CODES = {402: "insufficient_quota", 429: "rate_limit_exceeded", 400: "invalid_prompt"}


def error_of(error: ApiError) -> Json:
    """Return the ``error`` of a response that failed.

    The code is one that agents act on. The facts of our error are kept.
    """
    code = _CODES.get(error.status, "server_error")
    if error.code == "context_length_exceeded":
        code = error.code
    return {"code": code, "message": error.message, **error.facts}
