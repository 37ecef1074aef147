"""A method that a route does not have: 405 in the API's shape, and which ones it has."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from tests.adminpanel.conftest import as_role as as_role
from tests.developer import Make

PLAIN = [
    ("POST", "/api/health", "GET, HEAD"),
    ("DELETE", "/api/health/ready", "GET, HEAD"),
    ("GET", "/api/stripe/webhook/", "POST"),
    ("PUT", "/api/v1/health", "GET, HEAD"),
]
OF_THE_PROXY = [
    ("GET", "chat/completions", "POST"),
    ("OPTIONS", "chat/completions", "POST"),
    ("PUT", "embeddings", "POST"),
    ("POST", "models", "GET, HEAD"),
    ("DELETE", "providers", "GET, HEAD"),
]
OF_STAFF = [
    ("POST", "users", "GET, HEAD, OPTIONS"),
    ("GET", "users/1/plan", "PUT, OPTIONS"),
    ("PATCH", "usage-stats", "GET, HEAD, OPTIONS"),
    ("DELETE", "revenue", "GET, HEAD, OPTIONS"),
]


def told(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["error"]["code"], answer.headers["Allow"]


@pytest.mark.parametrize(("method", "path", "allowed"), PLAIN)
def test_plain_views_refuse_other_methods(method: str, path: str, allowed: str) -> None:
    answer = Client(enforce_csrf_checks=True).generic(method, path)

    assert told(answer) == (405, "method_not_allowed", allowed)


@pytest.mark.parametrize(("method", "path", "allowed"), OF_THE_PROXY)
def test_the_proxy_refuses_other_methods(
    developer: Make, method: str, path: str, allowed: str
) -> None:
    answer = developer().http.request(method, f"/api/llm/{path}")

    assert told(answer) == (405, "method_not_allowed", allowed)


@pytest.mark.parametrize(("method", "path", "allowed"), OF_STAFF)
def test_the_api_of_staff(
    as_role: Callable[[str], APIClient], method: str, path: str, allowed: str
) -> None:
    answer = as_role("staff").generic(method, f"/api/admin/{path}")

    assert told(answer) == (405, "method_not_allowed", allowed)


def test_staffs_lists_have_a_head(as_role: Callable[[str], APIClient]) -> None:
    support, staff = as_role("support"), as_role("staff")

    assert support.head("/api/admin/users").status_code == 200
    assert staff.head("/api/admin/users").status_code == 403
    assert support.options("/api/admin/users").status_code == 200
