"""The OpenAPI document: drf-spectacular's, with the proxy's part."""

from collections.abc import Iterator
from typing import Any

from config.health import HEALTH_PATHS
from config.schema_texts import DESCRIPTIONS, EXAMPLES, TAGS
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


def add_texts(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Give every operation a summary and a description, and every JSON body an example.

    Without a summary of its own, an operation has the first sentence of its view's docstring.
    """
    result["servers"] = [{"url": "/", "description": "This server"}]
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    for name, operation in _operations(result):
        described = operation.get("description") or DESCRIPTIONS[name]
        operation["description"] = described
        operation.setdefault("summary", described.partition("\n\n")[0].split(". ")[0].rstrip("."))
        for body in operation.get("requestBody", {}).get("content", {}).values():
            schema = body["schema"].get("$ref", "").rpartition("/")[2]
            if schema:
                body["example"] = EXAMPLES[schema]
    return result


def mend_pages(result: Schema, generator: Any, request: Any, public: bool) -> Schema:
    """Correct the schemas of DRF's pages: `nullable` is OpenAPI 3.0, and one example is no URI."""
    for schema in result["components"]["schemas"].values():
        for each in schema.get("properties", {}).values():
            if each.pop("nullable", False):
                each["type"] = [each["type"], "null"]
                each["example"] = each["example"].rstrip('"')
    return result


def _operations(result: Schema) -> Iterator[tuple[str, Schema]]:
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            yield f"{method.upper()} {path}", operation
