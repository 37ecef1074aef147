"""The errors of the proxy.

ApiError
├── ModelNotFound           404
├── ModelNotInPlan          403   model, plan
├── ContextLengthExceeded   400
├── WrongKind               400   model, kind
├── FieldRefused            400   param
└── UpstreamError           502   the upstream failed; also in-band, mid-stream
    ├── UpstreamRefusal     4xx   it refused the client's request; its message is passed on
    ├── UpstreamTimeout     504
    └── NoUpstream          503   no provider serves the model now
"""

from collections.abc import Sequence

from core.errors import ApiError, InvalidRequest, NotFound, PermissionDenied


class ModelNotFound(NotFound):
    code = "model_not_found"

    def __init__(self, model: str, *, nearest: Sequence[str] = ()) -> None:
        """``nearest`` are similar names that exist."""
        meant = f" Did you mean {', '.join(nearest)}?" if nearest else ""
        message = f"The model {model[:200]!r} does not exist.{meant} GET /v1/models lists them."
        super().__init__(message, param="model", nearest=list(nearest))


class ModelNotInPlan(PermissionDenied):
    code = "model_not_in_plan"

    def __init__(self, *, model: str, plan: str) -> None:
        super().__init__(
            f"The plan {plan!r} does not include the model {model!r}.",
            param="model",
            model=model,
            plan=plan,
        )


class ContextLengthExceeded(InvalidRequest):
    code = "context_length_exceeded"


class WrongKind(InvalidRequest):
    """The endpoint does not support models of this kind."""

    def __init__(self, *, model: str, kind: str, endpoint: str) -> None:
        super().__init__(
            f"The model {model!r} is of kind {kind!r}, which {endpoint} does not support.",
            param="model",
            model=model,
            kind=kind,
        )


class FieldRefused(InvalidRequest):
    """The field would cause costs for the operator beyond the metered tokens."""

    def __init__(self, param: str) -> None:
        super().__init__(f"{param} is not supported, or not with this value.", param=param)


class UpstreamError(ApiError):
    status = 502
    code = "upstream_error"
    message = "The model's provider failed."
    retryable = True


class UpstreamTimeout(UpstreamError):
    status = 504
    code = "upstream_timeout"
    message = "The model's provider did not answer in time."


class NoUpstream(UpstreamError):
    status = 503
    code = "no_upstream"
    message = "No provider can serve this model at the moment."


class UpstreamRefusal(UpstreamError):
    """The provider refused the request as invalid, so other providers are not tried."""

    retryable = False

    def __init__(
        self, *, status: int, message: str, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message, param=param)
        self.status = status
        self.code = _CODES.get(status, "invalid_request")
        self.code = code or self.code


_CODES = {404: "model_not_found", 413: "payload_too_large", 415: "unsupported_media_type"}
