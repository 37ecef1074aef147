"""The product's ASGI application in a worker that counts the Python calls of its event loop.

`GET /calls` returns how many functions and coroutine steps have been called so far.
"""

import sys
from types import FrameType
from typing import Any

from config import asgi

_calls = 0


def _count(_: FrameType, event: str, __: Any) -> None:
    global _calls
    if event == "call":
        _calls += 1


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve one ASGI connection."""
    if scope["type"] == "lifespan":
        sys.setprofile(_count)
    elif scope["path"] == "/calls":
        body = str(_calls).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    await asgi.application(scope, receive, send)
