"""The product, whose event loop is kept busy by ``GET /busy`` as long as the file BUSY exists."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from config import asgi


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve one ASGI connection."""
    if scope["type"] == "http" and scope["path"] == "/busy":
        _stay_busy(Path(os.environ["BUSY"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
        return
    await asgi.application(scope, receive, send)


def _stay_busy(file: Path) -> None:
    """Let nothing else run; log that this has begun, and a signal to stop."""
    stop: Any = signal.getsignal(signal.SIGTERM)

    def log_and_stop(*arguments: Any) -> None:
        stop(*arguments)
        _log("told to stop")

    signal.signal(signal.SIGTERM, log_and_stop)
    _log("busy")
    while file.exists():
        time.sleep(0.01)


def _log(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
