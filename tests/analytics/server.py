"""The HTTP interface of ClickHouse in front of its engine, chdb: run by the Python of .analytics.

It speaks what clickhouse-connect needs: queries, their settings and parameters, and inserts whose
rows follow the statement. https://clickhouse.com/docs/interfaces/http

``POST /_control/faults`` takes {"fault": …, "times": 1} for the next inserts of receipts.
``refuse`` answers 500 and stores nothing; ``drop`` stores the rows, and closes the connection
without an answer; ``die`` ends the process when the rows are stored; ``hold`` stores them after
``POST /_control/release``, and ``stall`` stores them, and answers after that. ``GET
/_control/held`` tells how many wait.
"""

import argparse
import gzip
import json
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chdb.session import Session  # type: ignore[import-not-found]

_PORT_TAKEN = 98
# In the address, beside settings.
_OF_THE_INTERFACE = {
    "query",
    "database",
    "query_id",
    "wait_end_of_query",
    "default_format",
    "client_protocol_version",
    "http_headers_progress_interval_ms",
    "send_progress_in_http_headers",
    "cancel_http_readonly_queries_on_client_close",
    "async_insert",
}
_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*$", re.IGNORECASE)
_INSERT = re.compile(
    rb"\s*INSERT\s+INTO\s+(.+?)\s*(\([^)]*\))\s*FORMAT\s+Native\s*\n", re.IGNORECASE
)
_CODE = re.compile(r"Code: (\d+)")


class Engine:
    """One session of the engine. Its statements run one after the other."""

    def __init__(self, folder: str) -> None:
        self._session = Session(folder)
        self._lock = threading.Lock()

    def run(self, statement: str, form: str, given: dict[str, str]) -> bytes:
        with self._lock:
            self._session.query(f"USE `{given.get('database') or 'default'}`")
            for name, value in given.items():
                if name.startswith("param_"):
                    self._session.query(f"SET {name} = {_quoted(value)}")
            return bytes(self._session.query(statement, form).bytes() or b"")

    def insert(self, table: str, columns: str, rows: bytes, given: dict[str, str]) -> None:
        with tempfile.NamedTemporaryFile(suffix=".native") as file:
            file.write(rows)
            file.flush()
            source = f"SELECT {columns[1:-1]} FROM file('{file.name}', 'Native')"
            self.run(f"INSERT INTO {table} {columns} {source}", "Null", given)


class Handler(BaseHTTPRequestHandler):
    """One request. ``engine`` is set before the server starts."""

    protocol_version = "HTTP/1.1"
    engine: Engine
    faults: list[str] = []
    held: list[str] = []
    released = threading.Event()

    def do_GET(self) -> None:
        self._answer(200, str(len(self.held)).encode())

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        given = dict(parse_qsl(address.query, keep_blank_values=True))
        body = b"".join(self._body())
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if address.path == "/_control/faults":
            wanted = json.loads(body)
            self.faults[:] = [wanted["fault"]] * wanted["times"]
            self.released.clear()
            self._answer(200, b"{}")
            return
        if address.path == "/_control/release":
            self.released.set()
            self._answer(200, b"{}")
            return
        try:
            self._run(given, given.get("query", "").encode() + body)
        except Exception as error:  # noqa: BLE001 - the engine's own kinds
            code = _CODE.search(str(error))
            self._answer(500, str(error).encode(), code=code.group(1) if code else "1000")

    def _run(self, given: dict[str, str], statement: bytes) -> None:
        if insert := _INSERT.match(statement):
            self._insert(insert[1].decode(), insert[2].decode(), statement[insert.end() :], given)
            return
        text, form = statement.decode(), given.get("default_format", "TabSeparated")
        if named := _FORMAT.search(text):
            text, form = text[: named.start()], named[1]
        self._answer(200, self.engine.run(text + _settings(text, given), form, given))

    def _insert(self, table: str, columns: str, rows: bytes, given: dict[str, str]) -> None:
        has_fault = bool(self.faults) and "receipts" in table
        fault = self.faults.pop() if has_fault else ""
        if fault == "refuse":
            refusal = b"Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)"
            self._answer(500, refusal, code="252")
            return
        if fault == "hold":
            self._wait()
        self.engine.insert(table, columns, rows, given)
        if fault == "stall":
            self._wait()
        if fault == "die":
            os._exit(9)
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
            return
        with suppress(OSError):  # it was killed meanwhile
            self._answer(200, b"")

    def _wait(self) -> None:
        self.held.append("")
        self.released.wait()
        self.held.pop()

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding") != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _answer(self, status: int, body: bytes, *, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Print nothing."""


def _settings(statement: str, given: dict[str, str]) -> str:
    """Return the clause for a query's settings, which ClickHouse takes from the address."""
    named = {
        name: value
        for name, value in given.items()
        if name not in _OF_THE_INTERFACE and not name.startswith("param_")
    }
    if not named or not re.match(r"\s*(SELECT|WITH)\b", statement, re.IGNORECASE):
        return ""
    return " SETTINGS " + ", ".join(f"{name} = {_quoted(value)}" for name, value in named.items())


def _quoted(value: str) -> str:
    if value.isdigit():
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--until-stdin-closes", action="store_true")
    parser.add_argument("--folder", required=True)
    options = parser.parse_args()
    try:
        server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    except OSError:
        return _PORT_TAKEN
    Handler.engine = Engine(options.folder)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"listening on {options.port}\n")
    sys.stdout.flush()
    sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
