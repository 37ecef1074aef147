"""What the lean handler looks up is kept, but nothing long: anybody may send a million of them."""

import io
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from core.http.handlers import LeanHandler
from core.http.middleware import TransportSecurity
from core.http.requests import LeanRequest

_LONG = 50_000


def request(**change: Any) -> LeanRequest:
    scope = {"method": "GET", "path": "/v1/models", "headers": [], **change}
    return LeanRequest(scope, io.BytesIO())


def with_a_name(number: int) -> None:
    request(headers=[(b"%d" % number * _LONG, b"")])


def with_a_host(number: int) -> None:
    asked = request(headers=[(b"host", b"%d.example.com" % number * _LONG)])
    assert TransportSecurity().process_request(asked) is not None


def with_a_path(number: int) -> None:
    LeanHandler().resolve_request(request(path=f"/v1/models/{number}" + "a" * _LONG))


@pytest.mark.parametrize("ask", [with_a_name, with_a_host, with_a_path])
def test_nothing_is_kept(ask: Callable[[int], None]) -> None:
    ask(0)
    tracemalloc.start()
    try:
        for number in range(1, 21):
            ask(number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 10 * _LONG
