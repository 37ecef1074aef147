"""The errors of the API, in the shape of Stripe's errors."""

from typing import Any

_TYPES = {429: "invalid_request_error", 402: "card_error"}


class ApiError(Exception):
    """An answer other than 2xx. ``extra`` has fields of some errors, such as ``decline_code``."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind or ("api_error" if status >= 500 else _TYPES.get(status))
        self.extra = extra or {}

    def body(self, *, request_id: str) -> dict[str, Any]:
        error = {
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "type": self.kind or "invalid_request_error",
            **self.extra,
        }
        if self.code:
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": {key: value for key, value in error.items() if value is not None}}


def missing(noun: str, ident: str, *, param: str = "id", status: int = 404) -> ApiError:
    return ApiError(status, f"No such {noun}: '{ident}'", code="resource_missing", param=param)


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> ApiError:
    return ApiError(400, message, param=param, code=code)


def required(param: str) -> ApiError:
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def unrecognized_url(method: str, path: str) -> ApiError:
    message = (
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we "
        "can help at https://support.stripe.com/."
    )
    return ApiError(404, message)


def no_key() -> ApiError:
    return ApiError(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization "
        "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
    )


def bad_key(key: str) -> ApiError:
    masked = (
        f"{key[:8]}{'*' * max(len(key) - 12, 0)}{key[-4:]}" if len(key) > 12 else "*" * len(key)
    )
    return ApiError(401, f"Invalid API Key provided: {masked}")


def same_key_other_params(key: str) -> ApiError:
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first "
        f"used with. Try using a key other than '{key}' if you meant to execute a different "
        "request."
    )
    return ApiError(400, message, kind="idempotency_error")


def key_in_use(key: str) -> ApiError:
    message = f"There is currently another in-progress request using this Idempotent Key: {key}."
    return ApiError(409, message, kind="idempotency_error", code="idempotency_key_in_use")
