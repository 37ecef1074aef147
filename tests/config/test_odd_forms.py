"""Forms that no page sends are refused, and no request keeps a database connection for ever."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished
from django.test import Client

from accounts.models import User
from core.http.handlers import BoundedHandler

FORM = "application/x-www-form-urlencoded"
PAGES = ("/accounts/login/", "/accounts/signup/", "/portal/tokens/buy/", "/admin/login/")


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "latin-1", "unicode_escape"])
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("debug", [True, False])
def test_another_charset_is_refused(
    client: Client, user: User, settings: Any, path: str, charset: str, debug: bool
) -> None:
    settings.DEBUG = debug
    client.force_login(user)
    answer = client.generic("POST", path, b"plan=pro", content_type=f"{FORM}; charset={charset}")
    assert answer.status_code == 400


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=UTF-8"])
@pytest.mark.parametrize("path", PAGES)
def test_utf_8_is_taken(client: Client, user: User, path: str, kind: str) -> None:
    assert client.generic("POST", path, b"login=a", content_type=kind).status_code in (200, 302)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, b"plan=%00&email=%00"),
        (FORM, b"plan=\0"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="plan"\r\n\r\na\0\r\n--x--\r\n',
        ),
    ],
)
@pytest.mark.parametrize("path", PAGES)
def test_a_nul_byte_is_refused(
    client: Client, user: User, path: str, kind: str, body: bytes
) -> None:
    client.force_login(user)
    answer = client.generic("POST", path, body, content_type=kind)
    assert answer.status_code == 400
    assert "NUL" in answer.json()["error"]["message"]


@pytest.fixture
def finished() -> Iterator[list[Any]]:
    """How often Django was told that a request is over, which gives its connection back."""
    told: list[Any] = []

    def note(**_: Any) -> None:
        told.append(1)

    request_finished.connect(note)
    yield told
    request_finished.disconnect(note)


def test_a_request_that_ends_in_an_exception_gives_its_connection_back(
    finished: list[Any],
) -> None:
    class Broken(BoundedHandler):
        async def get_response_async(self, request: Any) -> Any:
            raise LookupError

    scope: dict[str, Any] = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": "/", "raw_path": b"/",
        "query_string": b"", "root_path": "", "scheme": "http", "headers": [(b"host", b"a")],
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip

    async def serve() -> None:
        asked = iter([{"type": "http.request", "body": b""}])

        async def receive() -> Any:
            return next(asked, None) or await asyncio.Event().wait()

        async def send(_: Any) -> None:
            pass

        with pytest.raises(LookupError):
            await Broken()(scope, receive, send)

    asyncio.run(serve())
    assert finished == [1]
