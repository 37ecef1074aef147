"""Response headers that need no encoding or validation, and the head of an answer made of them."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.http import HttpResponseBase
from django.http.response import ResponseHeaders
from msgspec import Struct

# In a scope: its server takes a `PlainHead`. In the start of an answer: that head, instead of
# "headers". With a "body" beside it, the answer is complete.
PLAIN_HEAD = "tokengate.plain_head"

_CONTROLS = bytes((*range(9), *range(10, 32), 127))  # without the tab
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_BLANKED = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))


class PlainHeaders(ResponseHeaders):
    """Django's headers, of which ``plain`` has names and values as they are written.

    Django encodes and searches each name and value, as it must for what comes from elsewhere; for
    a dozen of ours that is a twentieth of a proxied request. What is set in its way still is.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.plain = dict(headers)

    @property
    def _store(self) -> dict[str, tuple[str, str]]:  # type: ignore[override]  # never replaced
        return {name.lower(): (name, value) for name, value in self.plain.items()}

    def __setitem__(self, key: str, value: Any) -> None:
        self.pop(key)
        ((name, text),) = ResponseHeaders({key: value}).items()
        self.plain[name.title()] = text

    def pop(self, key: str, default: Any = None) -> Any:
        """Remove a header in any spelling. Returns its name and value, as Django does."""
        for name in self.plain:
            if name.lower() == key.lower():
                return name, self.plain.pop(name)
        return default


def add_plain(response: HttpResponseBase, headers: Mapping[str, str]) -> None:
    """Add headers whose names and values are our own: ASCII, without line breaks.

    Each name is spelled in one way everywhere. A line break is still refused: see ``PlainHead``.
    """
    held = response.headers
    if isinstance(held, PlainHeaders):
        held.plain.update(headers)
        return
    stored = held._store  # noqa: SLF001 - as its __setitem__ does
    for name, value in headers.items():
        stored[name.lower()] = (name, value)


def plain(response: HttpResponseBase, names: Iterable[str]) -> list[str | None]:
    """Return the values of headers by their names in lower case; None for those that it lacks."""
    stored = response.headers._store  # noqa: SLF001 - as above
    return [stored[name][1] if name in stored else None for name in names]


class PlainHead(Struct, frozen=True):
    """The head of an answer in one piece, for a server that takes it (config/protocol.py).

    ``lines`` has the headers as they are written, each with its line end; ``length`` is that of
    the body if it is known; ``closes`` says that one of the headers ends the connection.
    """

    lines: bytes
    length: int | None
    closes: bool


def plain_head(
    names: tuple[str, ...], values: tuple[str, ...], *, length: int | None, closes: bool
) -> PlainHead:
    """Write a head. Raises ``RuntimeError`` for a line break or another control character."""
    texts = "".join(values).encode("latin-1")
    if texts.translate(_BLANKED) is not texts:  # It is the same object if nothing changes.
        raise RuntimeError("A header contains a line break or another control character.")
    pieces = [*_pieces(names)]
    pieces[1::2] = values
    return PlainHead("".join(pieces).encode("latin-1"), length, closes)


@lru_cache(maxsize=256)
def _pieces(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is around the values of these headers, with an empty text for each value."""
    once = [name.lower() for name in names if name.lower() != "set-cookie"]
    if len(set(once)) < len(once) or not all(map(_NAME.fullmatch, names)):
        raise RuntimeError("A header's name is not valid, or there twice in two spellings.")
    ends = ("", *["\r\n"] * (len(names) - 1))
    around = [(f"{end}{name}: ", "") for end, name in zip(ends, names, strict=True)]
    return (*(piece for pair in around for piece in pair), "\r\n")
