"""The head of a plain answer is written in one piece, and as uvicorn writes it."""

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from config.protocol import Cycle
from core.http.headers import PLAIN_HEAD, PlainHead, plain_head

Headers = list[tuple[bytes, bytes]]
JSON = (b"content-type", b"application/json")


class Written:
    """The transport of a connection, which keeps what is written to it."""

    def __init__(self) -> None:
        self.data = b""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.is_closed = True


async def answered(
    kind: type[RequestResponseCycle], messages: list[dict[str, Any]], *, method: str, stays: bool
) -> tuple[bytes, bool, bool]:
    """Return what was written, whether the connection stays, and whether it was closed."""
    written: Any = Written()
    log = logging.getLogger("tests")
    scope: Any = {"type": "http", "method": method, "http_version": "1.1"}
    cycle = kind(
        scope=scope,
        transport=written,
        flow=FlowControl(written),
        logger=log,
        access_logger=log,
        access_log=False,
        default_headers=[(b"date", b"today")],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=stays,
        on_response=lambda: None,
    )
    if isinstance(cycle, Cycle):
        start: Any = messages[0]
        head = {**start, PLAIN_HEAD: head_of(start["headers"])}
        messages = [head, *messages[1:]]
        if len(messages) == 2 and head[PLAIN_HEAD].length is not None:  # known as a whole
            messages = [{**head, "body": messages[1]["body"]}]
    for message in messages:
        part = message["body"] if message.get("more_body") else b""
        if not (isinstance(cycle, Cycle) and cycle.write_part(part)):
            await cycle.send(message)  # type: ignore[arg-type]
    return written.data, cycle.keep_alive, written.is_closed


def head_of(headers: Headers) -> PlainHead:
    names = tuple(name.decode() for name, _ in headers)
    values = tuple(value.decode("latin-1") for _, value in headers)
    by_name = dict(zip(names, values, strict=True))
    length = int(by_name["content-length"]) if "content-length" in by_name else None
    return plain_head(names, values, length=length, closes=by_name.get("connection") == "close")


def messages_of(status: int, headers: Headers, parts: list[bytes]) -> list[dict[str, Any]]:
    start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": headers}
    body = [{"type": "http.response.body", "body": part, "more_body": True} for part in parts[:-1]]
    return [start, *body, {"type": "http.response.body", "body": parts[-1]}]


@pytest.mark.parametrize(
    ("status", "headers", "parts", "method"),
    [
        (200, [JSON, (b"content-length", b"2")], [b"{}"], "POST"),
        (200, [JSON, (b"x-empty", b""), (b"x-latin", b"\xe9")], [b"one", b"two", b""], "POST"),
        (200, [JSON], [b"one", b"", b"last"], "GET"),
        (200, [JSON, (b"content-length", b"2")], [b""], "HEAD"),
        (200, [JSON], [b""], "HEAD"),
        (204, [(b"vary", b"origin")], [b""], "OPTIONS"),
        (413, [(b"connection", b"close"), (b"content-length", b"2")], [b"{}"], "POST"),
        (200, [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")], [b"x"], "GET"),
        (599, [(b"content-length", b"0")], [b""], "GET"),
    ],
)
@pytest.mark.parametrize("stays", [True, False])
async def test_it_is_the_one_that_uvicorn_writes(
    *, status: int, headers: Headers, parts: list[bytes], method: str, stays: bool
) -> None:
    messages = messages_of(status, headers, parts)

    ours = await answered(Cycle, messages, method=method, stays=stays)

    assert ours[0].startswith(b"HTTP/1.1 %d" % status)
    assert ours == await answered(RequestResponseCycle, messages, method=method, stays=stays)


@pytest.mark.parametrize("value", [b"a\r\nx-smuggled: 1", b"a\nb", b"a\rb", b"a\0b", b"a\x7fb"])
async def test_line_breaks_and_other_control_characters_are_refused(value: bytes) -> None:
    messages = messages_of(200, [JSON, (b"x-omitted-fields", value)], [b"{}"])

    for kind in (Cycle, RequestResponseCycle):
        with pytest.raises(RuntimeError):
            await answered(kind, messages, method="POST", stays=True)
