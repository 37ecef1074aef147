"""Our quick responses are Django's: they have all that its constructors set, and its headers."""

from collections.abc import AsyncIterator

import pytest
from django.http import BadHeaderError, HttpResponse, HttpResponseBase, StreamingHttpResponse

from core.http.responses import PlainResponse, PlainStream


async def parts() -> AsyncIterator[bytes]:
    yield b"{}"


@pytest.mark.parametrize(
    ("ours", "django"),
    [
        (
            PlainResponse(b"{}", {"Content-Type": "application/json", "X-One": "1"}),
            HttpResponse(b"{}", content_type="application/json", headers={"X-One": "1"}),
        ),
        (
            PlainStream(parts(), {"Content-Type": "text/event-stream"}),
            StreamingHttpResponse(parts(), content_type="text/event-stream"),
        ),
    ],
)
def test_they_have_all_that_djangos_have(ours: HttpResponseBase, django: HttpResponseBase) -> None:
    apart = {"headers", "_iterator"}
    assert set(vars(ours)) == set(vars(django))
    assert {name: value for name, value in vars(ours).items() if name not in apart} == {
        name: value for name, value in vars(django).items() if name not in apart
    }
    assert dict(ours.headers) == dict(django.headers)
    assert ours.headers["content-type"] == django.headers["Content-Type"]
    assert ours.status_code == 200


def test_their_headers_can_be_changed_in_djangos_way() -> None:
    response = PlainResponse(b"{}", {"Content-Type": "application/json", "X-One": "1"})
    response["content-type"] = "text/plain"
    response.headers.setdefault("X-ONE", "2")
    response.headers.setdefault("x-two", "2")
    del response["X-One"]

    assert response.has_header("X-Two")
    assert dict(response.headers) == {"Content-Type": "text/plain", "X-Two": "2"}
    assert response.headers.pop("CONTENT-TYPE") == ("Content-Type", "text/plain")
    assert response.headers.pop("Content-Type", "none") == "none"
    with pytest.raises(BadHeaderError):
        response["X-Two"] = "a\r\nb"
