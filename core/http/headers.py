"""Adding response headers that need no encoding or validation."""

from collections.abc import Mapping

from django.http import HttpResponseBase


def add_plain(response: HttpResponseBase, headers: Mapping[str, str]) -> None:
    """Add headers whose names and values are our own: ASCII, without line breaks.

    Django encodes and searches each name and value, as it must for what comes from elsewhere; for
    a dozen of ours that is a twentieth of a proxied request. uvicorn still refuses a line break.
    """
    stored = response.headers._store  # noqa: SLF001 - as its __setitem__ does
    for name, value in headers.items():
        stored[name.lower()] = (name, value)
