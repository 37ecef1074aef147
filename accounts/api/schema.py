"""Hints for drf-spectacular about the routes of accounts."""

from typing import Any, TypeVar

from core.http.openapi import ErrorSchema

View = TypeVar("View")


class _WithBody(ErrorSchema):
    """It leaves the bodies of DELETE out, which OpenAPI 3.1 allows."""

    def _get_request_body(self, direction: str = "request") -> Any:
        method, self.method = self.method, "POST"
        try:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = method


def takes_a_body(view: View) -> View:
    """Have the body of a `delete` described: put it below ``extend_schema``."""
    view.schema = _WithBody  # type: ignore[attr-defined]
    return view
