"""Clients that leave before their request is whole: that is no error of ours, at any endpoint."""

import socket
from pathlib import Path

import pytest

from tests.developer import Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.webserver import WebServer, demo_settings


@pytest.mark.parametrize("endpoint", ["chat/completions", "messages", "responses"])
def test_it_is_no_error(
    developer: Make, upstream: UpstreamProcess, tmp_path: Path, endpoint: str
) -> None:
    path = tmp_path / "web.log"
    with path.open("wb") as log, WebServer(demo_settings(upstream), log=log) as server:
        dev = developer(server=server)
        lines = [f"POST /v1/{endpoint} HTTP/1.1", "Host: 127.0.0.1", "Content-Length: 1000"]
        head = "\r\n".join([*lines, f"Authorization: Bearer {dev.key}", "", ""]).encode()
        with socket.create_connection(("127.0.0.1", server.port), timeout=120) as client:
            client.sendall(head + b'{"model":')
            assert dev.http.get("/v1/models").status_code == 200  # The head has been read by then.
        server.stop()  # when it has ended

    assert b"error" not in path.read_bytes()
