"""HTTP/1.0 clients, clients that send slowly, and large bodies of nobody."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import CHAT, body
from tests.webserver import WebServer, demo_server


@pytest.fixture(scope="module")
def server(upstream: UpstreamProcess, django_db_setup: None) -> Iterator[WebServer]:
    with demo_server(upstream, CLIENT_HEAD_TIMEOUT="1", CLIENT_BODY_TIMEOUT="1") as server:
        yield server


def talk(server: WebServer, data: bytes) -> bytes:
    """Send bytes, and return all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as client:
        client.sendall(data)
        got = b""
        while part := client.recv(65_536):
            got += part
        return got


def head(dev: Developer, length: int, version: str) -> bytes:
    lines = [f"POST {CHAT} HTTP/{version}", "Host: localhost", f"Authorization: Bearer {dev.key}"]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


@pytest.mark.parametrize("stream", [True, False])
def test_an_http_1_0_client_gets_a_plain_body(
    developer: Make, web: WebServer, stream: bool
) -> None:
    content = json.dumps({**body("[[n=3]]"), "stream": stream}).encode()

    got = talk(web, head(developer(), len(content), "1.0") + content)

    top, _, rest = got.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in top.lower()
    assert rest.startswith(b"data: {" if stream else b"{")
    assert rest.rstrip().endswith(b"data: [DONE]" if stream else b"}")


def test_a_head_that_does_not_come_is_not_waited_for(server: WebServer) -> None:
    assert talk(server, b"POST / HTTP/1.1\r\nHost: localhost\r\n") == b""
    assert talk(server, b"") == b""


def test_a_body_that_does_not_come_is_not_waited_for(developer: Make, server: WebServer) -> None:
    got = talk(server, head(developer(server=server), 1000, "1.1") + b"{")

    assert got.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in got


def test_nobody_is_refused_before_their_body_has_come(server: WebServer) -> None:
    data = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n".encode()

    got = talk(server, data + b"{" * 100)

    assert got.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in got.lower()


def test_a_large_body_of_a_caller_is_read(developer: Make) -> None:
    dev = developer(10_000_000)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 5_000_000}}
    messages = [{"role": "user", "content": [image]}]

    answer: httpx.Response = dev.http.post(CHAT, json={**body("x"), "messages": messages})

    assert answer.status_code == 200


@pytest.mark.parametrize("lines", [b"a: b\r\n" * 200_000, b"a: " + b"b" * 1_000_000 + b"\r\n"])
def test_a_head_without_end_is_refused(server: WebServer, lines: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as client:
        client.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n")
        with suppress(ConnectionError):  # It is closed before all is sent.
            client.sendall(lines)
        got = client.recv(65_536)

    assert got.startswith(b"HTTP/1.1 400 ")
    assert got.endswith(b"The head of the request is too long.")


def test_the_head_and_the_body_may_come_at_once(developer: Make, server: WebServer) -> None:
    dev = developer(10_000_000, server=server)
    content = json.dumps(body("[[n=2]]" + "a" * 500_000)).encode()
    asked = head(dev, len(content), "1.1") + content

    got = talk(server, asked + asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))

    assert got.count(b"HTTP/1.1 200 ") == 2
    assert got.count(b"data: [DONE]") == 2
