"""What the OpenAPI document says of signing in."""

from typing import Any

import pytest
from django.test import Client


@pytest.fixture
def schema(client: Client) -> Any:
    return client.get("/api/schema/?format=json").json()


def test_schemes(schema: Any) -> None:
    schemes = schema["components"]["securitySchemes"]
    assert schemes["bearerAuth"]["scheme"] == "bearer"
    assert (schemes["apiKeyAuth"]["in"], schemes["apiKeyAuth"]["name"]) == ("header", "X-API-Key")


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/api/auth/register", "post", "201"),
        ("/api/auth/login", "post", "200"),
        ("/api/auth/refresh", "post", "200"),
    ],
)
def test_public_endpoints(schema: Any, path: str, method: str, status: str) -> None:
    operation = schema["paths"][path][method]
    assert "content" in operation["responses"][status]
    assert operation["security"] == [{}]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/auth/logout", "post"),
        ("/api/users/profile", "patch"),
        ("/api/users/sessions", "get"),
        ("/api/users/sessions/{session_id}", "delete"),
        ("/api/api-keys", "post"),
        ("/api/api-keys/{key_id}/rotate", "post"),
    ],
)
def test_endpoints_for_sessions_only(schema: Any, path: str, method: str) -> None:
    assert schema["paths"][path][method]["security"] == [{"bearerAuth": []}]


def test_deletion_takes_a_body(schema: dict[str, Any]) -> None:
    operation = schema["paths"]["/api/users/account"]["delete"]
    [reference] = operation["requestBody"]["content"]["application/json"]["schema"].values()
    name = reference.rpartition("/")[2]
    assert set(schema["components"]["schemas"][name]["properties"]) == {"password"}
