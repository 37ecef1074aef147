"""The least that a Python proxy can do: no framework, no callers, no books, our transport.

It relays bytes, and knows nothing of what they say.
"""

import os
from typing import Any, cast

import httpx

from llmproxy.transport import Body, Transport

_URL = httpx.URL(os.environ["UPSTREAM_BASE_URL"] + "/chat/completions")
_HEADERS = {"Authorization": "Bearer any", "Content-Type": "application/json"}
_transport: Transport | None = None


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve one ASGI connection."""
    global _transport
    if scope["type"] != "http":
        return
    _transport = _transport or Transport()
    request = httpx.Request("POST", _URL, headers=_HEADERS, content=await _body(receive))
    response = await _transport.handle_async_request(request)
    body = cast("Body", response.stream)
    kept = (b"content-type", b"content-length")
    headers = [
        (name.lower(), value) for name, value in response.headers.raw if name.lower() in kept
    ]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
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
