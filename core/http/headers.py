"""Adding response headers that need no encoding or validation."""

from collections.abc import Iterable, Mapping

from django.http import HttpResponseBase

# In the start of an answer whose headers are a list of names in lower case, each only once but for
# cookies, and values.
PLAIN_HEAD = "tokengate.plain_head"


def add_plain(response: HttpResponseBase, headers: Mapping[str, str]) -> None:
    """Add headers whose names and values are our own: ASCII, without line breaks.

    Django encodes and searches each name and value, as it must for what comes from elsewhere; for
    a dozen of ours that is a twentieth of a proxied request. uvicorn still refuses a line break.
    """
    stored = response.headers._store  # noqa: SLF001 - as its __setitem__ does
    for name, value in headers.items():
        stored[name.lower()] = (name, value)


def plain(response: HttpResponseBase, names: Iterable[str]) -> list[str | None]:
    """Return the values of headers by their names in lower case; None for those that it lacks."""
    stored = response.headers._store  # noqa: SLF001 - as above
    return [stored[name][1] if name in stored else None for name in names]
