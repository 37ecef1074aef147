"""Another ASGI server than ours, which doesn't say itself when a client leaves, or has a prefix."""

import inspect
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from config.asgi import application
from tests.developer import Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import CHAT, body, nothing_is_held
from tests.ports import free_port
from tests.waiting import wait_for
from tests.webserver import ROOT, demo_settings, environment, until_it_answers


@contextmanager
def uvicorn(upstream: UpstreamProcess, *options: str) -> Iterator[str]:
    """Run the application in plain uvicorn; its URL."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--ws", "none"]
    env = environment({**demo_settings(upstream), "LEFT_STREAMS": "0"})
    process = subprocess.Popen([*command, "--port", str(port), *options], cwd=ROOT, env=env)
    url = f"http://127.0.0.1:{port}"
    try:
        until_it_answers(process, f"{url}/api/health")
        yield url
    finally:
        process.terminate()
        process.wait(120)


def leave(url: str, dev: Developer, content: str, *, stream: bool) -> None:
    """Ask, and leave: when a stream has begun, or while the provider has yet to answer."""
    data = json.dumps({**body(content), "stream": stream}).encode()
    lines = [f"POST {CHAT} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {dev.key}"]
    head = "\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""]).encode()
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as client:
        client.sendall(head + data)
        if stream:
            assert b" 200 " in client.recv(65_536)
        else:
            wait_for(lambda: not nothing_is_held())


def test_they_see_that_it_is_asgi() -> None:
    assert inspect.iscoroutinefunction(application)  # as Hypercorn asks


@pytest.mark.parametrize("protocol", ["httptools", "h11"])
def test_clients_that_leave_are_noticed(
    developer: Make, upstream: UpstreamProcess, protocol: str
) -> None:
    dev = developer(10_000_000)
    with uvicorn(upstream, "--http", protocol) as url:
        leave(url, dev, "[[n=500,d=50]]", stream=True)
        wait_for(lambda: len(dev.receipts) == 1)
        leave(url, dev, "[[n=20,d=50]]", stream=False)
        wait_for(lambda: len(dev.receipts) == 2)

    stream, whole = dev.receipts
    assert (stream.status, stream.completion_tokens < 500) == ("cancelled", True)
    assert (whole.status, whole.completion_tokens, whole.final) == ("cancelled", 20, True)
    assert nothing_is_held()


@pytest.mark.parametrize("stream", [True, False])
def test_below_a_prefix_requests_are_served_and_settled(
    developer: Make, upstream: UpstreamProcess, stream: bool
) -> None:
    dev = developer()
    headers = {"Authorization": f"Bearer {dev.key}"}
    with uvicorn(upstream, "--root-path", "/under") as url:
        for path in (CHAT, "/v1/chat/completions"):
            answer = httpx.post(
                f"{url}{path}",
                json={**body("[[n=3]]"), "stream": stream},
                headers=headers,
                timeout=120,
                trust_env=False,
            )
            assert answer.status_code == 200

    assert [receipt.status for receipt in dev.receipts] == ["ok", "ok"]
    assert nothing_is_held()
