"""The OpenAPI document and its page."""

import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from config.schema_texts import EXAMPLES

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def document() -> Any:
    """Write it once: that takes seconds."""
    return json.loads(
        Client().get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"}).content
    )


def test_the_schema_is_valid_openapi_and_lists_the_routes(document: Any) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert {"/api/llm/chat/completions", "/api/tokens/balance", "/api/auth/login"} <= set(
        document["paths"]
    )
    assert not [path for path in document["paths"] if path.startswith("/api/v1/")]


def test_every_operation_tells_its_errors(document: Any) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if not path.startswith("/api/health"):  # it takes nothing that could be wrong
                assert {"400", "503"} <= set(operation["responses"])


def test_every_operation_has_its_texts(document: Any) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            assert set(operation["tags"]) <= tags


def test_every_json_body_has_an_example_that_its_schema_allows(document: Any) -> None:
    registry = Registry().with_resource("urn:api", DRAFT202012.create_resource(document))
    examples = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "$ref" in body.get("schema", {}):
                schema = {"$ref": f"urn:api{body['schema']['$ref']}"}
                Draft202012Validator(schema, registry=registry).validate(body["example"])
                examples += 1
    assert examples == len(EXAMPLES) + 2  # EmailRequest and ApiKeyRequest are used twice


def test_health_is_told(document: Any) -> None:
    paths = document["paths"]

    assert set(paths["/api/health"]["get"]["responses"]) == {"200"}
    assert set(paths["/api/health/ready"]["get"]["responses"]) == {"200", "503"}


def test_errors_are_told_by_their_codes(document: Any) -> None:
    paths = document["paths"]

    assert _codes(paths["/api/auth/register"]["post"], "409") == ["email_taken"]
    assert _codes(paths["/api/auth/refresh"]["post"], "401") == ["invalid_token", "token_revoked"]
    assert _codes(paths["/api/users/sessions/{session_id}"]["delete"], "404") == ["not_found"]
    assert "429" not in paths["/api/tokens/balance"]["get"]["responses"]


def _codes(operation: Any, status: str) -> list[str]:
    schema = operation["responses"][status]["content"]["application/json"]["schema"]
    codes: list[str] = schema["allOf"][1]["properties"]["error"]["properties"]["code"]["enum"]
    return codes


def test_the_page_needs_nothing_from_outside(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()

    assert "swagger-ui" in page
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)


def test_nothing_is_left_to_guess(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")
