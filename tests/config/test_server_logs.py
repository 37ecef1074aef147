"""What the web server says of itself is one line of our log, like everything else."""

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.waiting import wait_for
from tests.webserver import WebServer


@pytest.mark.django_db(transaction=True)
def test_a_client_that_speaks_no_http(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file, WebServer({}, log=file) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"NO HTTP AT ALL\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 400")
        wait_for(lambda: log.read_text().endswith("\n"))

    (line,) = log.read_text().splitlines()
    assert "[warning" in line
    assert "Invalid HTTP request received. [uvicorn.error]" in line


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file, WebServer({}, log=file) as server:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        os.kill(int(children.read_text()), signal.SIGKILL)
        wait_for(lambda: "SIGKILL" in log.read_text())

    assert "Logging error" not in log.read_text()
