"""Declaring the errors of a view for the OpenAPI document. Imports no app.

@raises(EmailTaken, RateLimited)
@extend_schema(...)
def post(self, request): ...

What follows from the view itself need not be said: that a body can be malformed, that an id in the
path can be unknown, and what the view's authentication and permission classes name in `errors`.
"""

from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal, TypeVar

from drf_spectacular.openapi import AutoSchema

from core.errors import (
    ApiError,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    PayloadTooLarge,
    Unavailable,
    UnsupportedMediaType,
)

Answer = dict[str, Any]
Errors = tuple[type[ApiError], ...]
Method = TypeVar("Method", bound=Callable[..., Any])

ERROR: Answer = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "code", "message", "param", "request_id", "retryable"],
            "properties": {
                "type": {"type": "string"},
                "code": {"type": "string", "description": "The error code, for clients."},
                "message": {"type": "string"},
                "param": {
                    "type": ["string", "null"],
                    "description": "The invalid field or parameter.",
                },
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


def raises(*errors: type[ApiError]) -> Callable[[Method], Method]:
    """Name the errors that a view's method answers with, beyond those that every such view does."""

    def mark(method: Method) -> Method:
        method.raises = errors  # type: ignore[attr-defined]
        return method

    return mark


def error_answers(errors: Iterable[type[ApiError]], *, schema: str = "Error") -> dict[str, Answer]:
    """Describe errors as OpenAPI responses, by status; ``schema`` names the shape of their body."""
    ordered = sorted(dict.fromkeys(errors), key=attrgetter("status", "code"))
    grouped = groupby(ordered, key=attrgetter("status"))
    return {str(status): _answer(list(together), schema) for status, together in grouped}


class ErrorSchema(AutoSchema):
    """drf-spectacular's description of a view, with the view's errors."""

    def _get_response_bodies(
        self, direction: Literal["request", "response"] = "response"
    ) -> dict[str, Answer]:
        bodies: dict[str, Answer] = super()._get_response_bodies(direction)
        errors = (*self._by_its_shape(), *self._by_its_classes(), *self._declared())
        return bodies | error_answers(errors)

    def _by_its_shape(self) -> Errors:
        body = self._get_request_body()  # type: ignore[no-untyped-call]
        return (
            InvalidRequest,
            Unavailable,
            *((PayloadTooLarge, UnsupportedMediaType) if body else ()),
            *((NotFound,) if "{" in self.path else ()),
        )

    def _by_its_classes(self) -> Errors:
        authenticators = self.view.get_authenticators()
        parts = (*authenticators, *self.view.get_permissions())
        named = tuple(error for part in parts for error in getattr(part, "errors", ()))
        return (NotAuthenticated, *named) if authenticators else named

    def _declared(self) -> Errors:
        declared: Errors = getattr(getattr(self.view, self.method.lower()), "raises", ())
        return declared


def _answer(errors: list[type[ApiError]], schema: str) -> Answer:
    codes = sorted({error.code for error in errors})
    code = {"properties": {"error": {"properties": {"code": {"enum": codes}}}}}
    described = {"allOf": [{"$ref": f"#/components/schemas/{schema}"}, code]}
    return {
        "description": "\n\n".join(f"`{error.code}`: {error.message}" for error in errors),
        "content": {"application/json": {"schema": described}},
    }
