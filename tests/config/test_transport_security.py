"""The proxy's routes are held to HTTPS and to the site's names, as all others are."""

import asyncio
from typing import Any

import pytest
from pytest_django import Settings

from config.asgi import application

LEAN = ("/api/llm/models", "/api/v1/llm/chat/completions")
PATHS = (*LEAN, "/api/auth/me", "/accounts/login/")


def ask(path: str, *, scheme: bytes = b"http", host: str | None = "api.example.com") -> Any:
    """Ask the handler that serves the path; return status and headers."""
    scope: dict[str, Any] = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": path,
        "raw_path": path.encode(),
        "query_string": b"a=b", "root_path": "", "scheme": scheme.decode(),
        "headers": [(b"host", host.encode("latin-1"))] if host is not None else [],
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    sent: list[Any] = []

    async def serve() -> None:
        gone = asyncio.Event()
        asked = iter([{"type": "http.request", "body": b""}])

        async def receive() -> Any:
            if message := next(asked, None):
                return message
            return await gone.wait()

        async def send(message: Any) -> None:
            sent.append(message)

        await application(scope, receive, send)

    asyncio.run(serve())
    headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers


@pytest.fixture(autouse=True)
def production(settings: Settings, transactional_db: None) -> None:
    settings.ALLOWED_HOSTS = ["api.example.com"]
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 1000


@pytest.mark.parametrize("path", LEAN)
def test_http_leads_to_https(path: str) -> None:
    status, headers = ask(path)
    assert (status, headers["location"]) == (301, f"https://api.example.com{path}?a=b")


@pytest.mark.parametrize("path", LEAN)
def test_https_is_remembered_by_browsers(path: str) -> None:
    status, headers = ask(path, scheme=b"https")
    assert status < 500
    assert status != 301
    assert headers["strict-transport-security"] == "max-age=1000"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["evil.example", "a b", "", "api.example.com@evil.example", "é"])
def test_another_host_is_refused(path: str, host: str) -> None:
    assert ask(path, scheme=b"https", host=host)[0] == 400
