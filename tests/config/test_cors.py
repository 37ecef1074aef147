"""Cross-origin requests, as browsers and editor webviews make them."""

import pytest
from django.test import Client
from pytest_django import Settings

from tests.developer import Make

EDITOR = "vscode-webview://0aq7tcdvt8kvs0o2ilgk5sl4gk2a8i2f"


@pytest.fixture(autouse=True)
def _known_origin(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]


@pytest.mark.parametrize("origin", ["https://app.example.com", EDITOR])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_preflight_allows_every_method(client: Client, origin: str, method: str) -> None:
    answer = client.options(
        "/api/users/profile",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
        },
    )

    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == origin
    assert method in answer["Access-Control-Allow-Methods"]
    assert "authorization" in answer["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer


def test_an_answer_can_be_read_with_its_headers(client: Client) -> None:
    answer = client.get("/api/nothing", headers={"Origin": EDITOR})

    assert answer["Access-Control-Allow-Origin"] == EDITOR
    assert "x-request-id" in answer["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "https://app.example.com.evil.com", "null"]
)
def test_strangers_are_not_allowed(client: Client, origin: str) -> None:
    answer = client.get("/api/health", headers={"Origin": origin})

    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.django_db
def test_the_admin_is_not_shared(client: Client) -> None:
    answer = client.get("/admin/login/", headers={"Origin": EDITOR})

    assert "Access-Control-Allow-Origin" not in answer


def test_the_proxy_too(developer: Make) -> None:
    http = developer().http
    headers = {
        "Origin": EDITOR,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, x-stainless-lang",
    }

    preflight = http.options("/api/llm/chat/completions", headers=headers)
    refused = http.post("/api/llm/chat/completions", content=b"{", headers={"Origin": EDITOR})

    assert preflight.status_code == 200
    assert "x-stainless-lang" in preflight.headers["Access-Control-Allow-Headers"]
    assert refused.status_code == 400
    assert refused.headers["Access-Control-Allow-Origin"] == EDITOR


@pytest.mark.parametrize(
    "header",
    [
        "openai-organization",
        "openai-project",
        "openai-beta",
        "http-referer",
        "x-title",
        "session-id",
        "thread-id",
        "x-claude-code-session-id",
        "x-session-affinity",
        "x-session-id",
        "x-task-id",
        "x-stainless-arch",
        "x-stainless-custom-poll-interval",
        "x-stainless-helper-method",
        "x-stainless-lang",
        "x-stainless-os",
        "x-stainless-package-version",
        "x-stainless-poll-helper",
        "x-stainless-raw-response",
        "x-stainless-read-timeout",
        "x-stainless-retry-count",
        "x-stainless-runtime",
        "x-stainless-runtime-version",
        "x-stainless-timeout",
    ],
)
def test_what_sdks_send_from_a_browser_is_allowed(client: Client, header: str) -> None:
    answer = client.options(
        "/api/llm/chat/completions",
        headers={
            "Origin": EDITOR,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": header,
        },
    )

    assert header in answer["Access-Control-Allow-Headers"].split(", ")
