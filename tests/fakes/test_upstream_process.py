"""The demo upstream as a process, and its HTTP on the bare socket."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from devserver.upstream.client import chat, get, open_stream, post
from tests.fakes.upstream_process import UpstreamProcess

BODY = json.dumps(chat("[[n=3]]")).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamProcess]:
    with UpstreamProcess() as process:
        yield process


@pytest.fixture
def connection(upstream: UpstreamProcess) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", upstream.port), timeout=120) as connection:
        yield connection


def read_until(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        data = connection.recv(65536)
        assert data, f"closed after {received!r}"
        received += data
    return received


def sized(body: bytes = BODY, head: bytes = HEAD) -> bytes:
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def test_a_connection_serves_many_requests(connection: socket.socket) -> None:
    for _ in range(3):
        connection.sendall(sized())
        assert read_until(connection, b"}}}").startswith(b"HTTP/1.1 200 OK\r\n")


def test_requests_sent_ahead_are_answered_in_order(connection: socket.socket) -> None:
    streamed = json.dumps(chat("[[n=3]]", stream=True)).encode()
    connection.sendall(sized(streamed) + sized())
    received = read_until(connection, b"}}}")
    assert received.index(b"[DONE]") < received.index(b'"chat.completion"')


def test_a_chunked_request_body_is_read(connection: socket.socket) -> None:
    half = len(BODY) // 2
    connection.sendall(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    for part in (BODY[:half], BODY[half:]):
        connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
    connection.sendall(b"0\r\n\r\n")
    assert read_until(connection, b"}}}").startswith(b"HTTP/1.1 200 OK\r\n")


def test_100_continue_is_answered_before_the_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY))
    assert read_until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(BODY)
    assert read_until(connection, b"}}}").startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("stream", [True, False])
def test_connection_close_is_honoured(connection: socket.socket, stream: bool) -> None:
    body = json.dumps(chat("[[n=3]]", stream=stream)).encode()
    connection.sendall(sized(body, HEAD + b"connection: close\r\n"))
    received = b""
    while data := connection.recv(65536):
        received += data
    assert received.endswith(b"0\r\n\r\n" if stream else b"}}}")


def test_what_is_no_http_is_400(connection: socket.socket) -> None:
    connection.sendall(b"nonsense\r\n\r\n")
    assert read_until(connection, b"}}").startswith(b"HTTP/1.1 400 ")
    assert connection.recv(1) == b""


def test_the_v1_prefix_may_be_left_out(upstream: UpstreamProcess) -> None:
    for root in (upstream.root, upstream.url):
        headers = {"authorization": "Bearer k"}
        url = f"{root}/chat/completions"
        assert httpx.post(url, json=chat("hi"), headers=headers, trust_env=False).is_success


def test_a_slow_reader_is_not_written_past(upstream: UpstreamProcess) -> None:
    upstream.clear()
    with open_stream(upstream, chat("[[n=1000000]]")) as response:
        arriving = response.iter_raw()
        next(arriving)
        settled = held_at(upstream)
        assert 0 < settled < 1_000_000


def held_at(upstream: UpstreamProcess) -> int:
    """The chunks written once their number stands still."""
    before = -1
    while (now := int(upstream.journal()[0]["chunks_sent"])) != before:
        before = now
        time.sleep(0.2)
    return now


def test_port_0_lets_the_system_choose() -> None:
    command = [sys.executable, "-m", "devserver.upstream", "--port", "0", "--no-journal"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("listening on ").strip()
        answer = httpx.post(
            f"{url}/v1/chat/completions",
            json=chat("[[n=3]]"),
            headers={"authorization": "Bearer k"},
            trust_env=False,
        )
        assert answer.json()["usage"]["completion_tokens"] == 3
        assert httpx.get(f"{url}/_control/journal", trust_env=False).json() == {"requests": []}
        assert httpx.get(f"{url}/_control/totals", trust_env=False).json()["finished"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0


def test_sigterm_ends_it_at_once_under_streams() -> None:
    with UpstreamProcess() as upstream:
        with open_stream(upstream, chat("[[n=1000,d=1000]]")) as response:
            arriving = response.iter_raw()
            next(arriving)
            upstream.stop()  # the stream would take 1000 seconds more
        with pytest.raises(httpx.ConnectError):
            get(upstream, "/models")


def test_it_comes_back_on_its_port() -> None:
    with UpstreamProcess() as upstream:
        before = upstream.url
        upstream.kill()
        upstream.start()
        assert upstream.url == before
        assert upstream.port < 32768
        assert post(upstream, chat("hi")).is_success


def test_a_taken_port_is_left_alone(upstream: UpstreamProcess) -> None:
    second = UpstreamProcess(port=upstream.port)
    with pytest.raises(RuntimeError, match="no free port"):
        second.start()
