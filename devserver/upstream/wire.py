"""HTTP as bytes: parsed requests and written responses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

import orjson

from devserver.upstream.errors import ApiError

JSON = "application/json"
EVENTS = "text/event-stream; charset=utf-8"
LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(slots=True)
class Request:
    """A whole request; header names are lower-case."""

    method: str = ""
    target: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path without the optional ``/v1``."""
        path = unquote(self.target.partition(b"?")[0].decode("latin-1"))
        return path.removeprefix("/v1") if path.startswith("/v1/") else path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition(b"?")[2].decode("latin-1")))


class Output(Protocol):
    """The client's end of the connection."""

    def write(self, data: bytes) -> None: ...

    async def drain(self) -> None:
        """Wait until what was written has left, and let a disconnect be noticed."""
        ...

    def hang_up(self) -> None:
        """Close in the orderly way, after what was written."""
        ...

    def reset(self) -> None:
        """Cut at once, with a TCP RST."""
        ...


def head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {_reason(status)}\r\n{lines}\r\n".encode("latin-1")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def response(
    status: int, body: bytes, headers: Mapping[str, str] | None = None, *, bodiless: bool = False
) -> bytes:
    """A whole JSON response; ``bodiless`` answers HEAD."""
    length = {"content-type": JSON, "content-length": str(len(body))}
    return head(status, {**length, **(headers or {})}) + (b"" if bodiless else body)


def ok(value: Any) -> bytes:
    return response(200, orjson.dumps(value))


def refusal(error: ApiError, *, bodiless: bool = False) -> bytes:
    body = orjson.dumps(error.body())
    return response(error.status, body, error.headers, bodiless=bodiless)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
