"""Django's responses, made with few calls: for bytes and headers of our own. Imports no app.

Django's constructors encode and search each header and convert the body, as they must for what
comes from elsewhere; for a dozen headers of ours that is a tenth of a proxied request.
"""

from collections.abc import AsyncIterable, Mapping
from http.cookies import SimpleCookie

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from core.http.headers import PlainHeaders


class PlainResponse(HttpResponse):
    """A body, with headers as ``add_plain`` takes them, the content type among them."""

    def __init__(self, content: bytes, headers: Mapping[str, str]) -> None:
        _prepare(self, headers)
        self._container = [content]


class PlainStream(StreamingHttpResponse):
    """The parts of a body, with headers as ``add_plain`` takes them."""

    def __init__(self, parts: AsyncIterable[bytes], headers: Mapping[str, str]) -> None:
        _prepare(self, headers)
        self._iterator, self.is_async = parts, True


def _prepare(response: HttpResponseBase, headers: Mapping[str, str]) -> None:
    """Set what the constructor of ``HttpResponseBase`` sets."""
    response.headers = PlainHeaders(headers)
    response.cookies = SimpleCookie()
    response.closed = False
    response._charset = response._reason_phrase = response._handler_class = None  # type: ignore[attr-defined]  # noqa: SLF001
    response._resource_closers = []  # type: ignore[attr-defined]  # noqa: SLF001
