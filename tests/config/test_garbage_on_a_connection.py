"""What follows a request on its connection, and is not HTTP, does not disturb its answer."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import CHAT, body
from tests.waiting import wait_for
from tests.webserver import WebServer, demo_settings

GARBAGE = b"\0\1\2 not HTTP\r\n\r\n"
NEXT = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "web.log"


@pytest.fixture(scope="module")
def server(upstream: UpstreamProcess, log: Path, django_db_setup: None) -> Iterator[WebServer]:
    # What is left is settled at once, and not read on for ten seconds.
    settings = {**demo_settings(upstream), "LEFT_STREAMS": "0"}
    with log.open("wb") as file, WebServer(settings, log=file) as server:
        yield server


def request(dev: Developer, content: str) -> bytes:
    data = json.dumps({**body(content), "stream": True}).encode()
    lines = [f"POST {CHAT} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {dev.key}"]
    return "\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""]).encode() + data


def begun(dev: Developer, server: WebServer) -> socket.socket:
    """Ask for a long stream, and return its connection when the answer has begun."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=120)
    client.sendall(request(dev, "[[n=500,d=50]]"))
    assert b" 200 OK" in client.recv(65_536)
    return client


def test_no_second_answer_is_written_into_the_first(developer: Make, server: WebServer) -> None:
    dev = developer(10_000_000, server=server)
    with begun(dev, server) as client:
        client.sendall(GARBAGE)
        rest = b""
        while part := client.recv(65_536):
            rest += part
    wait_for(lambda: bool(dev.receipts))  # what follows would meet its settlement

    assert b"HTTP/1.1" not in rest
    assert b"[DONE]" not in rest


@pytest.mark.parametrize("following", [GARBAGE, NEXT, NEXT + GARBAGE])
def test_the_request_that_runs_is_settled_as_left(
    developer: Make, server: WebServer, log: Path, following: bytes
) -> None:
    dev = developer(10_000_000, server=server)
    with begun(dev, server) as client:
        client.sendall(following)

    wait_for(lambda: bool(dev.receipts))
    assert dev.receipts[0].completion_tokens < 500
    assert b"Exception in ASGI application" not in log.read_bytes()
