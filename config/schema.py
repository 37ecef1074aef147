"""The OpenAPI document: drf-spectacular's, with the proxy's part."""

from typing import Any

from config.health import HEALTH_PATHS
from core.http.openapi import ERROR
from llmproxy.api.openapi import PROXY_PATHS
from llmproxy.api.schemas import PROXY_SCHEMAS

Schema = dict[str, Any]


def only_unversioned(endpoints: list[Any], **_: Any) -> list[Any]:
    """Leave out `/api/v1/…`, which is the same API once more."""
    return [endpoint for endpoint in endpoints if not endpoint[0].startswith("/api/v1/")]


def add_plain_views(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Add the routes of the proxy and of health, which are no views of DRF."""
    paths = {**result["paths"], **PROXY_PATHS, **HEALTH_PATHS}
    result["paths"] = dict(sorted(paths.items()))
    result.setdefault("components", {}).setdefault("schemas", {}).update(PROXY_SCHEMAS)
    return result


def add_error(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Add the one shape of every error, which all error answers refer to."""
    result["components"]["schemas"]["Error"] = ERROR
    return result


def allow_several(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Say `anyOf` where an answer has several forms: an empty list is of each of them."""
    for schema in result["components"]["schemas"].values():
        if "oneOf" in schema:
            schema["anyOf"] = schema.pop("oneOf")
    return result
