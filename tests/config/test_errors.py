"""One error shape everywhere under /api, whoever raises it."""

import json
from typing import Any

import pytest
from django.http import Http404, HttpRequest
from django.test import Client, RequestFactory
from pytest_django import Settings
from rest_framework import serializers
from rest_framework.test import APIClient

from accounts.models import User
from core.errors import RateLimited
from core.http.rendering import error_response, to_api_error
from tests.accounts.signing_in import signed_in
from tests.developer import Make

KEYS = {"type", "code", "message", "param", "request_id", "retryable"}


@pytest.fixture
def request_() -> HttpRequest:
    return RequestFactory().get("/api/x")


def test_an_unknown_route_answers_in_the_error_shape(client: Client) -> None:
    answer = client.get("/api/nothing", headers={"X-Request-ID": "abc-1"})

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")
    error = answer.json()["error"]
    assert set(error) == KEYS
    assert (error["code"], error["request_id"], error["type"]) == (
        "not_found",
        "abc-1",
        "invalid_request_error",
    )


@pytest.mark.django_db
def test_drf_says_which_fields_are_bad(api: APIClient) -> None:
    answer = api.post("/api/auth/register", {"email": "nobody", "password": ""}, format="json")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_request")
    assert set(error["fields"]) == {"email", "password"}
    assert error["param"] in error["fields"]


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", "{", 400, "invalid_request"),
        ("application/json", "[]", 400, "invalid_request"),
        ("application/json", '{"email": "a\\u0000@b.c", "password": "x"}', 400, "invalid_request"),
        ("application/json", "[" * 100_000, 400, "invalid_request"),
        ("text/plain", "hello", 415, "unsupported_media_type"),
    ],
)
@pytest.mark.django_db
def test_drf_and_bodies_that_make_no_sense(
    client: Client, content_type: str, body: str, status: int, code: str
) -> None:
    answer = client.post("/api/auth/login", body, content_type=content_type)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "body", "param"),
    [
        ("post", "subscriptions/subscribe", {"plan": "pro", "interval": "\ud800"}, "interval"),
        ("put", "subscriptions/upgrade", {"plan": "pro", "interval": "\ud800"}, "interval"),
        ("post", "api-keys", {"name": "x", "scopes": ["\ud800"]}, "scopes.0"),
    ],
)
def test_half_a_surrogate_pair_is_not_quoted(
    api: APIClient, user: User, method: str, path: str, body: Any, param: str
) -> None:
    signed_in(api, user)
    escaped = json.dumps(body)

    answer = getattr(api, method)(f"/api/{path}", escaped, content_type="application/json")

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_request", param)
    assert error["fields"] == {param: ['"?" is not a valid choice.']}


def test_nor_in_the_name_of_a_field(request_: HttpRequest) -> None:
    answer = error_response(serializers.ValidationError({"a": {"\ud800": ["Bad."]}}), request_)

    assert (answer.status_code, answer.content.count(b'"a.?"')) == (400, 2)


def test_an_unexpected_error_shows_no_internals(request_: HttpRequest) -> None:
    answer = error_response(RuntimeError("password=hunter2"), request_)

    assert answer.status_code == 500
    assert b"hunter2" not in answer.content
    assert b"internal_error" in answer.content


def test_a_wait_becomes_a_retry_after_header(request_: HttpRequest) -> None:
    answer = error_response(RateLimited(retry_after=7), request_)

    assert (answer.status_code, answer["Retry-After"]) == (429, "7")


def test_nested_field_errors_are_flattened(request_: HttpRequest) -> None:
    detail: Any = {"items": [{}, {"name": ["Bad."]}], "non_field_errors": ["Worse."]}

    error = to_api_error(serializers.ValidationError(detail), request_)

    assert error.facts["fields"] == {"items.1.name": ["Bad."], "": ["Worse."]}
    assert error.param == "items.1.name"
    assert to_api_error(Http404(), request_).code == "not_found"


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_api_without_its_slash(method: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)("/api")

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("host", ["a_b:99999999", "elsewhere.example.com"])
@pytest.mark.parametrize("path", ["/api", "/api/auth/me", "/api/nothing"])
def test_a_host_that_is_not_ours(
    client: Client, settings: Settings, path: str, host: str, debug: bool
) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS = debug, ["testserver"]

    answer = client.get(path, headers={"Host": host, "X-Request-ID": "abc-1"})

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
    error = answer.json()["error"]
    assert set(error) == KEYS
    assert (error["code"], error["request_id"]) == ("invalid_request", "abc-1")
    assert host not in error["message"]


def test_the_real_server_in_debug_mode_too(developer: Make) -> None:
    http = developer().http
    for path in ("/api", "/api/nothing", "/api/llm/nothing"):
        answer = http.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")

    odd = {"Host": "a_b:99999999"}
    answer = http.get("/api/auth/me", headers=odd)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert http.get("/api/llm/models", headers=odd).status_code == 400
