"""The ASGI application: proxy routes on the lean handler, all others on Django's."""

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

import django

django.setup(set_prefix=False)

from django.conf import settings

from config import checks, lifespan
from core.http.handlers import BoundedHandler, LeanHandler

checks.refuse_to_start_unsafely()

_standard = BoundedHandler()
_lean = LeanHandler()
_lean_paths = settings.LEAN_PATHS


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve one ASGI connection."""
    if scope["type"] == "http":
        # With a slash: a base URL itself has none.
        is_lean = f"{scope['path']}/".startswith(_lean_paths)
        handler = _lean if is_lean else _standard
        await handler(scope, receive, send)
    elif scope["type"] == "lifespan":
        await lifespan.serve(receive, send)
    else:
        await send({"type": "websocket.close", "code": 1000})
