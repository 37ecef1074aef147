"""The lean handler's request is Django's: it has all that its constructor sets."""

import io
import time
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest

from core.http.requests import LeanRequest

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "post",
    "path": "/v1/chat/completions",
    "query_string": b"a=1&b=%C3%A9",
    "scheme": "https",
    "root_path": "",
    "client": ("192.0.2.1", 4711),
    "server": ("127.0.0.1", 8000),
    "headers": [
        (b"host", b"example.com"),
        (b"content-type", b"application/json"),
        (b"content-length", b"2"),
        (b"x-session-id", b"\xe9"),
        (b"x_session_id", b"not taken for the one above"),
        (b"x-forwarded-for", b"192.0.2.2"),
        (b"x-forwarded-for", b"192.0.2.3"),
        (b"cookie", b"a=1"),
    ],
}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"headers": []},
        {"client": None, "server": None},
        {"root_path": "/under", "path": "/under/v1/models"},
        {"headers": [(b"content-type", b"Application/JSON; charset=latin-1")]},
        {"headers": [(b"content-type", b"text/plain;charset=none-such")]},
        {"headers": [(b"content-type", b"application/json"), (b"content-type", b"text/plain")]},
        {"headers": [(b"x-a", b"1"), (b"host", b"a"), (b"x-a", b""), (b"x-a", b"3")]},
        {"headers": [(b"x" * 1000, b"1"), (b"x" * 1000, b"2"), (b"_" * 1000, b"3")]},
        {"query_string": b""},
    ],
)
def test_it_has_all_that_djangos_has(change: dict[str, Any]) -> None:
    scope, body = {**SCOPE, **change}, io.BytesIO(b"{}")

    ours, djangos = LeanRequest(scope, body), ASGIRequest(scope, body)

    assert vars(ours) == vars(djangos)
    assert (ours.encoding, ours.scheme) == (djangos.encoding, djangos.scheme)
    assert (ours.GET, ours.COOKIES) == (djangos.GET, djangos.COOKIES)
    assert ours.headers == djangos.headers


def test_a_query_that_is_no_text_is_refused_as_by_django() -> None:
    for request_class in (LeanRequest, ASGIRequest):
        with pytest.raises(UnicodeDecodeError):
            request_class({**SCOPE, "query_string": b"\xff"}, io.BytesIO())


def test_a_header_repeated_very_often_takes_no_longer_than_in_django() -> None:
    scope = {**SCOPE, "headers": [(b"a", b"b")] * 400_000}

    ours, djangos = (seconds_for(kind, scope) for kind in (LeanRequest, ASGIRequest))

    assert ours < 10 * djangos  # Adding text to text takes hundreds of times as long.


def seconds_for(request_class: type[ASGIRequest], scope: dict[str, Any]) -> float:
    """Return the time of this thread alone, which no busy machine changes by much."""
    began = time.thread_time()
    request_class(scope, io.BytesIO())
    return time.thread_time() - began
