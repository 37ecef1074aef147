"""The ASGI application: proxy routes on the lean handler, all others on Django's."""

import os
from collections.abc import Coroutine
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


def serve(scope: Any, receive: Any, send: Any) -> Coroutine[Any, Any, None]:
    """Serve one ASGI connection. Returns the handler's coroutine, with no other around it."""
    if scope["type"] == "http":
        # With a slash: a base URL itself has none.
        path = f"{scope['path']}/".removeprefix(scope.get("root_path", ""))
        is_lean = path.startswith(_lean_paths)
        handler = _lean if is_lean else _standard
        return handler(scope, receive, send)
    if scope["type"] == "lifespan":
        return lifespan.serve(receive, send)
    closed: Coroutine[Any, Any, None] = send({"type": "websocket.close", "code": 1000})
    return closed


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Do as ``serve``. Servers look whether it is a coroutine function: if not, it is WSGI's."""
    await serve(scope, receive, send)


# For our own server (config/protocol.py), which knows.
application.serve = serve  # type: ignore[attr-defined]
