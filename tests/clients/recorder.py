"""A proxy before the product that notes every request, also those that are refused."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_NOT_PASSED = ("transfer-encoding", "connection", "content-length")


@dataclass
class Seen:
    """One request and the head of its answer; ``body`` grows while the answer comes."""

    method: str
    path: str
    headers: dict[str, str]
    sent: bytes
    status: int = 0
    answered: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Recorder:
    """What was asked so far, in order."""

    url: str
    seen: list[Seen]

    def asked(self, path: str) -> list[Seen]:
        """Return the requests to generate something."""
        return [one for one in self.seen if one.method == "POST" and _plain(one.path) == path]


def _plain(path: str) -> str:
    return path.partition("?")[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    target: tuple[str, int]
    seen: list[Seen]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _pass(self) -> None:
        sent = self._sent()
        seen = Seen(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, sent)
        self.server.seen.append(seen)
        upward = http.client.HTTPConnection(*self.server.target, timeout=300)
        try:
            kept = {k: v for k, v in self.headers.items() if k.lower() not in _NOT_PASSED}
            upward.request(self.command, self.path, body=sent or None, headers=kept)
            self._answer(upward.getresponse(), seen)
        finally:
            upward.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = _pass  # noqa: N815

    def _sent(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, answer: http.client.HTTPResponse, seen: Seen) -> None:
        seen.status = answer.status
        seen.answered = {name.lower(): value for name, value in answer.getheaders()}
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection"):
                self.send_header(name, value)
        sized = "content-length" in seen.answered or self.command == "HEAD"
        if not sized:
            self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        while piece := answer.read1(65_536):
            seen.body += piece
            self.wfile.write(piece if sized else b"%x\r\n%b\r\n" % (len(piece), piece))
        if not sized:
            self.wfile.write(b"0\r\n\r\n")


@contextmanager
def recording(port: int) -> Iterator[Recorder]:
    """Pass on what comes to the server on this port, and note it."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.target, server.seen = ("127.0.0.1", port), []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Recorder(f"http://127.0.0.1:{server.server_address[1]}", server.seen)
        server.shutdown()
