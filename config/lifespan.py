"""What a web worker starts and ends with: the background work of the proxy."""

from typing import Any

from llmproxy import lifecycle


async def serve(receive: Any, send: Any) -> None:
    """Speak ASGI's lifespan protocol (https://asgi.readthedocs.io/en/latest/specs/lifespan.html)."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await lifecycle.start()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await lifecycle.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
