"""The product in one process, as in gunicorn's worker, for a tool that watches a single process.

``GET /hold`` stops what is done at set times, and returns no body: from then on, what the process
does is the requests'. ``python -m tests.load.apps.alone PORT``
"""

import math
import signal
import sys
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any

import uvicorn
from asgiref.sync import markcoroutinefunction

from config import gunicorn
from config.worker import Worker


@markcoroutinefunction
def application(scope: Any, receive: Any, send: Any) -> Coroutine[Any, Any, None]:
    """Serve one ASGI connection."""
    if scope["type"] == "http" and scope["path"] == "/hold":
        return _hold(send)
    return _serve()(scope, receive, send)


@cache
def _serve() -> Callable[[Any, Any, Any], Coroutine[Any, Any, None]]:
    """Return the product's own function, which is loaded once the server runs."""
    from config import asgi

    return asgi.serve


async def _hold(send: Any) -> None:
    from core import instruments
    from llmproxy.relay import lifecycle, memory

    for task in lifecycle._background:
        task.cancel()
    # Nothing changes any more that a request would have to look up.
    memory._listener._sure_until = math.inf
    instruments._PAUSE = 1_000_000.0
    await send({"type": "http.response.start", "status": 200, "headers": _NO_BODY})
    await send({"type": "http.response.body", "body": b""})


_NO_BODY = [(b"content-length", b"0")]

if __name__ == "__main__":
    gunicorn.on_starting(None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it once more
    try:
        uvicorn.run(
            "tests.load.apps.alone:application",
            host="127.0.0.1",
            port=int(sys.argv[1]),
            log_config=None,
            timeout_keep_alive=gunicorn.keepalive,
            **Worker.CONFIG_KWARGS,
        )
    finally:
        gunicorn.on_exit(None)
