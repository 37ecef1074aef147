"""The product's ASGI application in a worker that counts the Python calls of its event loop.

`GET /calls` returns how often each function has been called so far, and each coroutine resumed.
"""

import sys
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import orjson
from asgiref.sync import markcoroutinefunction

from config import asgi

_ROOT = Path(__file__).resolve().parents[2]
_calls: Counter[CodeType] = Counter()


def _count(frame: FrameType, event: str, _: Any) -> None:
    if event == "call":
        _calls[frame.f_code] += 1


def _by_function() -> dict[str, int]:
    counted: Counter[str] = Counter()
    for code, calls in _calls.copy().items():
        counted[f"{_place(code.co_filename)}: {code.co_qualname}"] += calls
    return counted


def _place(filename: str) -> str:
    """Return a file within the repository, or within the libraries."""
    inside = filename.removeprefix(f"{_ROOT}/")
    return inside.rpartition("/site-packages/")[2].rpartition("/lib/")[2]


@markcoroutinefunction
def application(scope: Any, receive: Any, send: Any) -> Coroutine[Any, Any, None]:
    """Serve one ASGI connection."""
    if scope["type"] == "lifespan":
        sys.setprofile(_count)
    elif scope["path"] == "/calls":
        return _answer(send)
    return asgi.serve(scope, receive, send)


async def _answer(send: Any) -> None:
    sys.setprofile(None)
    body = orjson.dumps(_by_function())
    sys.setprofile(_count)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
