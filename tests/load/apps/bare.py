"""The least that a Python proxy can do: no framework, no callers, no books, our transport.

It relays bytes, and knows nothing of what they say.
"""

import os
from typing import Any

from llmproxy.upstream.transport import Transport, target

_TARGET = target(
    "POST",
    os.environ["UPSTREAM_BASE_URL"] + "/chat/completions",
    {"Authorization": "Bearer any", "Content-Type": "application/json"},
)
_KEPT = (b"content-type", b"content-length")
_transport: Transport | None = None


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve one ASGI connection."""
    global _transport
    if scope["type"] != "http":
        return
    _transport = _transport or Transport()
    response = await _transport.post(_TARGET, await _body(receive))
    body = response.body
    headers = [(name, value) for name, value in response.headers.items() if name in _KEPT]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    while data := await body.read():
        await send({"type": "http.response.body", "body": data, "more_body": True})
    body.leave()
    await send({"type": "http.response.body", "body": b""})


async def _body(receive: Any) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)
