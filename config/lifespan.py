"""Startup and shutdown of a web worker: the proxy's background tasks."""

import asyncio
import gc
from typing import Any

from core import instruments, plain_settings
from llmproxy.relay import lifecycle


async def serve(receive: Any, send: Any) -> None:
    """Speak ASGI's lifespan protocol (https://asgi.readthedocs.io/en/latest/specs/lifespan.html)."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            plain_settings.read_all()
            await lifecycle.start()
            instruments.write_together(asyncio.get_running_loop())
            _spare_what_stays()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await lifecycle.stop()
            instruments.write_at_once()
            await send({"type": "lifespan.shutdown.complete"})
            return


def _spare_what_stays() -> None:
    """Keep the garbage collector from going through all that was loaded, again and again.

    It has not begun yet: config/gunicorn.py.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(10_000, 20, 50)
