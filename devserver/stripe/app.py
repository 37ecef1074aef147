"""The ASGI application: the API, the pages, the control API, and the clock."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from devserver.stripe import faultbook, forms, renewals
from devserver.stripe.api import Api, Request
from devserver.stripe.control import Control
from devserver.stripe.delivery import Mail
from devserver.stripe.errors import ApiError
from devserver.stripe.faultbook import FaultBook
from devserver.stripe.pages import Pages
from devserver.stripe.snapshot import Snapshot
from devserver.stripe.world import World

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]

_LARGEST_BODY = 1_000_000
_TICK_SECONDS = 1.0
_SILENT_SECONDS = 90.0  # longer than the timeout of any client


class App:
    """``state`` is the file for the account. Without it, nothing is written."""

    def __init__(self, world: World, *, state: Path | None = None) -> None:
        self.world = world
        self.mail = Mail(world)
        world.on_event = self.mail.post
        self._faults = FaultBook()
        self._api = Api(world)
        self._pages = Pages(world)
        self._control = Control(world, self.mail, self._faults)
        self._snapshot = Snapshot(world, state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_saved(message: Scope) -> None:
            """Answer only after the change is written."""
            self._snapshot.write()
            await send(message)

        await self._answer(await _read(scope, receive), receive, send_saved)

    async def _answer(self, request: Request, receive: Receive, send: Send) -> None:
        if request.path.startswith("/_test/"):
            await self._answer_control(request, send)
        elif request.path.startswith("/v1/"):
            await self._answer_api(request, receive, send)
        else:
            page = self._pages.answer(request)
            await _send(send, page.status, page.headers, page.html.encode())

    async def _answer_control(self, request: Request, send: Send) -> None:
        try:
            query = forms.decode(request.query)
            made = await self._control.answer(request.method, request.path, query, request.body)
            status, body = 200, made
        except ApiError as error:
            status, body = error.status, error.body(request_id="control")
        await _send_json(send, status, {}, json.dumps(body).encode())

    async def _answer_api(self, request: Request, receive: Receive, send: Send) -> None:
        fault = self._faults.take(request.method, request.path)
        if fault == "timeout":
            await _until_gone(receive)
            return
        if fault in ("500", "broken", "429"):
            error = faultbook.error(fault)
            body = error.body(request_id="req_fault")
            if fault == "broken":
                self._api.keep(request, error.status, body)
            await _send_json(send, error.status, {}, json.dumps(body).encode())
            return
        answer = self._api.answer(request)
        if fault == "lost":
            await _break_off(send)
            return
        await _send_json(send, answer.status, answer.headers, answer.bytes())

    def start(self) -> None:
        """Restore the stored state."""
        self._snapshot.read()

    def stop(self) -> None:
        self._snapshot.write()

    async def run(self) -> None:
        """Deliver events and make due changes, forever."""
        await asyncio.gather(self.mail.run(), self._tick())

    async def _tick(self) -> None:
        while await asyncio.sleep(_TICK_SECONDS, True):
            while renewals.run_next(self.world, until=self.world.now()):
                pass
            self._snapshot.write()


async def _read(scope: Scope, receive: Receive) -> Request:
    headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
    body, more = b"", True
    while more and len(body) < _LARGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], scope["path"], query, headers, body)


async def _send_json(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    await _send(send, status, {"Content-Type": "application/json", **headers}, body)


async def _send(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    given = {**headers, "Content-Length": str(len(body))}
    pairs = [(key.lower().encode(), value.encode()) for key, value in given.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def _until_gone(receive: Receive) -> None:
    """Send nothing until the client times out."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SILENT_SECONDS):
            while (await receive())["type"] != "http.disconnect":
                pass


async def _break_off(send: Send) -> None:
    """Begin an answer and close the connection before its end."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{", "more_body": True})
