"""Unexpected errors reach Sentry, without what is secret."""

import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.webserver import ROOT

# A request whose view fails, in a process that reports errors.
_FAIL = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
import sentry_sdk
from django.test import Client
from django.urls import path
from config import urls

def fails(request):
    prompt = "my secret prompt"
    raise ZeroDivisionError("with tgk_" + "k" * 46)

urls.urlpatterns.insert(0, path("api/fails", fails))
Client(raise_request_exception=False).post(
    "/api/fails?code=secret-code",
    {"content": "my secret prompt"},
    "application/json",
    headers={
        "Host": "localhost",
        "Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.secret.jwt",
        "X-Api-Key": "secret-key",
    },
)
sentry_sdk.flush(120)
"""


class _Sentry(BaseHTTPRequestHandler):
    """Sentry's side of https://develop.sentry.dev/sdk/data-model/envelopes/."""

    envelopes: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = zlib.decompress(body, 31)
        self.envelopes.append(body.decode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def sentry() -> Iterator[tuple[str, list[str]]]:
    _Sentry.envelopes = []
    with HTTPServer(("127.0.0.1", 0), _Sentry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://public@127.0.0.1:{server.server_port}/1", _Sentry.envelopes
        server.shutdown()


def test_an_unexpected_error_is_reported_without_secrets(
    sentry: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn, envelopes = sentry
    monkeypatch.setenv("SENTRY_DSN", dsn)
    monkeypatch.setenv("DEBUG", "true")

    subprocess.run([sys.executable, "-c", _FAIL], cwd=ROOT, timeout=120, check=True)

    report = "".join(envelopes)
    assert "ZeroDivisionError" in report
    assert "/api/fails" in report
    for secret in ("secret", "tgk_k", "eyJ"):
        assert secret not in report
