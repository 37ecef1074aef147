"""A provider that answers with just the bytes that a test wants, over a real socket."""

import socketserver
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson

SSE = "text/event-stream"


@dataclass
class Script:
    """What the provider answers: each part is a chunk of the body; None cuts the connection."""

    parts: Iterable[bytes | None] = ()
    status: int = 200
    kind: str | None = SSE
    raw: bytes | None = None  # Instead of all that.
    requests: list[bytes] = field(default_factory=list)


def event(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


DONE = b"data: [DONE]\n\n"


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True  # A part does not wait until the one before is acknowledged.

    def handle(self) -> None:
        while (script := self._read()) is not None:
            if script.raw is not None:
                self.wfile.write(script.raw)
                return
            kind = "" if script.kind is None else f"content-type: {script.kind}\r\n"
            head = f"HTTP/1.1 {script.status} X\r\n{kind}transfer-encoding: chunked\r\n\r\n"
            self.wfile.write(head.encode())
            for part in script.parts:
                if part is None:
                    return
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    def _read(self) -> Script | None:
        length = 0
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        if not line:
            return None
        script: Script = self.server.script  # type: ignore[attr-defined]
        script.requests.append(self.rfile.read(length))
        return script


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    script: Script

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up."""


@dataclass
class ScriptedUpstream:
    url: str
    _server: _Server

    def plays(self, script: Script) -> Script:
        self._server.script = script
        return script


@contextmanager
def scripted_upstream() -> Iterator[ScriptedUpstream]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield ScriptedUpstream(f"http://127.0.0.1:{server.server_address[1]}/v1", server)
        server.shutdown()
