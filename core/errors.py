"""The base classes of API errors, and their shape.

    ApiError
    ├── InvalidRequest        400   (facts: param, fields)
    ├── NotAuthenticated      401   InvalidToken, TokenRevoked, InvalidApiKey (in their apps)
    ├── PermissionDenied      403
    ├── NotFound              404
    ├── MethodNotAllowed      405
    ├── RequestTimeout        408
    ├── Conflict              409
    ├── PayloadTooLarge       413
    ├── UnsupportedMediaType  415
    ├── RateLimited           429   (facts: retry_after, resets_at)
    ├── InternalError         500
    └── Unavailable           503

The apps subclass these in their own ``errors.py``. The shape is OpenAI's error object
(https://platform.openai.com/docs/guides/error-codes) plus ``param``, ``request_id`` and
``retryable``. This module is the lowest floor: it knows no app and no framework.
"""

from collections.abc import Mapping
from typing import Any

_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}


class ApiError(Exception):
    """An error for the client, with facts as data.

    ``facts`` become top-level keys of the error object. ``headers`` are sent beside it.
    """

    status = 500
    code = "internal_error"
    message = "Something went wrong on our side."
    retryable = False

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> None:
        self.message = message or self.message
        self.param = param
        self.headers = dict(headers or {})
        self.facts = facts
        super().__init__(self.message)

    @property
    def type(self) -> str:
        """OpenAI's error type."""
        fallback = "api_error" if self.status >= 500 else "invalid_request_error"
        return _TYPES.get(self.status, fallback)

    def body(self, request_id: str | None) -> dict[str, Any]:
        """Return the JSON object of every error response under /api."""
        return {
            "error": {
                "type": self.type,
                "code": self.code,
                "message": self.message,
                "param": self.param,
                "request_id": request_id,
                "retryable": self.retryable,
                **self.facts,
            }
        }


class InvalidRequest(ApiError):
    status = 400
    code = "invalid_request"
    message = "The request is not valid."


class NotAuthenticated(ApiError):
    status = 401
    code = "not_authenticated"
    message = "Send an access token or an API key: Authorization: Bearer …"

    def __init__(self, message: str | None = None, **facts: Any) -> None:
        super().__init__(message, headers={"WWW-Authenticate": 'Bearer realm="api"'}, **facts)


class PermissionDenied(ApiError):
    status = 403
    code = "permission_denied"
    message = "You do not have permission to do this."


class NotFound(ApiError):
    status = 404
    code = "not_found"
    message = "The resource was not found."


class MethodNotAllowed(ApiError):
    status = 405
    code = "method_not_allowed"
    message = "This method is not allowed for this address."


class Conflict(ApiError):
    status = 409
    code = "conflict"
    message = "The request conflicts with the current state."


class RequestTimeout(ApiError):
    status = 408
    code = "request_timeout"
    message = "The body of the request did not arrive in time."
    retryable = True


class PayloadTooLarge(ApiError):
    status = 413
    code = "payload_too_large"
    message = "The request body is too large."


class UnsupportedMediaType(ApiError):
    status = 415
    code = "unsupported_media_type"
    message = "Send the body as application/json."


class RateLimited(ApiError):
    status = 429
    code = "rate_limited"
    message = "Too many requests."
    retryable = True


class InternalError(ApiError):
    """An unexpected failure; what happened is in the log, under the request id."""


class Unavailable(ApiError):
    status = 503
    code = "unavailable"
    message = "The service is briefly unavailable. Please try again."
    retryable = True
