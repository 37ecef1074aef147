"""Bad input gets a clear error in the API's shape, and nothing is reserved."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.developer import MODEL, Make
from tests.webserver import WebServer
from tokens.models import Reservation, Tier

CHAT = "/api/llm/chat/completions"
HELLO = [{"role": "user", "content": "hello"}]


def is_refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == code
    assert error["request_id"] == answer.headers["X-Request-ID"]
    assert error["message"]
    assert not Reservation.objects.exists()
    return error


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b"{\x00}", b'{"model": "a\x00b"}'],
)
def test_what_is_not_a_json_object(developer: Make, body: bytes) -> None:
    error = is_refused(developer().http.post(CHAT, content=body), 400, "invalid_request")

    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "json"])
def test_what_does_not_even_say_that_it_is_json(developer: Make, kind: str) -> None:
    body, headers = b'{"model": "x", "messages": []}', {"Content-Type": kind}

    answer = developer().http.post(CHAT, content=body, headers=headers)

    is_refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["", "Application/JSON; charset=utf-8", "application/vnd.x+json"])
def test_every_spelling_of_json_is_read(developer: Make, kind: str) -> None:
    answer = developer().http.post(CHAT, content=b"{", headers={"Content-Type": kind})

    assert "not valid JSON" in is_refused(answer, 400, "invalid_request")["message"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages"),
        ({"stream": "yes"}, "stream"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -5}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_completion_tokens": "many"}, "max_completion_tokens"),
        ({"n": 0}, "n"),
        ({"n": 10**6}, "n"),
        ({"stream_options": []}, "stream_options"),
    ],
)
def test_wrong_types_name_the_field(developer: Make, fields: dict[str, object], param: str) -> None:
    body = {"model": MODEL, "messages": HELLO, **fields}

    error = is_refused(developer().http.post(CHAT, json=body), 400, "invalid_request")

    assert error["param"] == param


def test_an_unknown_model(developer: Make) -> None:
    for name in ("no/such-model", "a\0b", "'; DROP TABLE --"):
        answer = developer().http.post(CHAT, json={"model": name, "messages": HELLO})
        assert is_refused(answer, 404, "model_not_found")["param"] == "model"


def test_a_model_outside_the_plan(developer: Make) -> None:
    dev = developer()
    Tier.objects.update(allowed_models=["other/*"])

    error = is_refused(dev.chat(), 403, "model_not_in_plan")

    assert (error["plan"], error["model"]) == ("free", MODEL)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "not_authenticated"),
        ({"Authorization": "Bearer tgk_wrong"}, "invalid_api_key"),
        ({"X-API-Key": "tgk_wrong"}, "invalid_api_key"),
        ({"X-API-Key": "wrong"}, "invalid_api_key"),
        ({"Authorization": "Bearer a.b.c"}, "invalid_token"),
        ({"Authorization": "Basic dXNlcjpwYXNz"}, "invalid_token"),
        ({"Authorization": "Bearer"}, "invalid_token"),
    ],
)
def test_no_key_or_a_wrong_one(
    web: WebServer, catalog: object, headers: dict[str, str], code: str
) -> None:
    body = {"model": MODEL, "messages": HELLO}

    answer = httpx.post(f"{web.url}{CHAT}", json=body, headers=headers, trust_env=False)

    is_refused(answer, 401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_body_of_50_mb(developer: Make) -> None:
    def slowly() -> Iterator[bytes]:
        yield b'{"model": "'
        for _ in range(50):
            yield b"x" * 1_000_000

    dev = developer()

    is_refused(dev.http.post(CHAT, content=b"x" * 50_000_000), 413, "payload_too_large")
    is_refused(dev.http.post(CHAT, content=slowly()), 413, "payload_too_large")
    is_refused(dev.http.post("/api/auth/login", content=b"x" * 2_000_000), 413, "payload_too_large")


@pytest.mark.parametrize("depth", [300, 900, 5_000])
def test_deeply_nested_bodies_are_refused(developer: Make, depth: int) -> None:
    body = b'{"model":"%b","messages":[{"content":%b%b}]}' % (
        MODEL.encode(),
        b"[" * depth,
        b"]" * depth,
    )

    answer = developer().http.post(CHAT, content=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"


@pytest.mark.parametrize("path", ["/api/nothing", "/api/v1/nothing", "/api/llm/nothing", "/api/"])
def test_unknown_paths_are_not_found(developer: Make, path: str) -> None:
    is_refused(developer().http.get(path), 404, "not_found")


@pytest.mark.parametrize("path", [CHAT, "/api/auth/login"])
def test_wrong_methods_say_which_are_right(developer: Make, path: str) -> None:
    answer = developer().http.get(path)

    is_refused(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


def test_nul_bytes_in_the_url(developer: Make) -> None:
    dev = developer()

    for path in (
        "/api/llm/models/a%00b",
        "/api/tokens/usage?cursor=%00",
        "/api/llm/models?all=%00",
    ):
        is_refused(dev.http.get(path), 400, "invalid_request")


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "function", "function": {"parameters": {"type": ["string", "null"]}}}]},
        {"messages": [{"role": "user", "content": [{"type": {}, "text": "hi"}]}]},
        {"response_format": {"type": ["object"], "json_schema": {"type": [1, None, {}]}}},
        {"stream": None, "max_tokens": None, "stream_options": None, "n": None},
    ],
)
def test_odd_but_legal_json_is_not_our_business(developer: Make, fields: dict[str, object]) -> None:
    answer = developer().http.post(CHAT, json={"model": MODEL, "messages": HELLO, **fields})

    assert answer.status_code in (200, 400), answer.text


def test_a_large_prompt_is_taken(developer: Make) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 5_000_000}}
    content = [{"type": "text", "text": "What is this?"}, image]

    answer = developer().http.post(
        CHAT, json={"model": MODEL, "messages": [{"role": "user", "content": content}]}
    )

    assert answer.status_code == 200, answer.text


def test_a_body_of_countless_parts(developer: Make) -> None:
    body = b'{"model":"%b","messages":[%b{}]}' % (MODEL.encode(), b"[]," * 800_000)

    is_refused(developer().http.post(CHAT, content=body), 400, "invalid_request")


def test_a_body_of_many_parts_beside_a_number_that_is_slow_to_read(developer: Make) -> None:
    dev = developer()
    body = b'{"model":"%b","messages":[{"role":"user","content":"Hi"}],"metadata":[%b%b]}'
    parts = b"1.5," * 500_000

    slow = body % (MODEL.encode(), parts, b"12345678901234567890")
    is_refused(dev.http.post(CHAT, content=slow), 400, "invalid_request")
    fast = dev.http.post(CHAT, content=body % (MODEL.encode(), parts, b"1234567890"))
    assert fast.status_code == 200, fast.text


def test_several_models_at_once(developer: Make) -> None:
    body = {"model": MODEL, "messages": HELLO, "models": ["dear/model"]}

    error = is_refused(developer().http.post(CHAT, json=body), 400, "invalid_request")

    assert error["param"] == "models"
