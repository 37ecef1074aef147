"""The OpenAPI document and its page."""

import re

import pytest
from django.core.management import call_command
from django.test import Client
from openapi_spec_validator import validate

pytestmark = pytest.mark.django_db


def test_it_works(client: Client) -> None:
    answer = client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})

    document = answer.json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert {"/api/llm/chat/completions", "/api/tokens/balance", "/api/auth/login"} <= set(
        document["paths"]
    )
    assert not [path for path in document["paths"] if path.startswith("/api/v1/")]


def test_every_operation_tells_its_errors(client: Client) -> None:
    document = client.get("/api/schema/?format=json").json()

    for path in document["paths"].values():
        for operation in path.values():
            assert "400" in operation["responses"]
            assert operation.get("summary") or operation.get("description")


def test_the_page_needs_nothing_from_outside(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()

    assert "swagger-ui" in page
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page)


def test_nothing_is_left_to_guess(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")
