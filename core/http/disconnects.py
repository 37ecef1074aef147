"""Noticing that a request's client disconnects. Imports nothing of Django: the server does too."""

import asyncio
from collections.abc import Callable
from typing import Any

# In the scope of a server that calls ``disconnected``; with others a task of each request waits.
TELLS = "tokengate.tells_disconnects"
_CLIENT = "tokengate.client"


class Client:
    """Who waits for the answer, and may disconnect, from when the request is whole.

    ``on_leave`` is called then: by default it cancels the request.
    """

    def __init__(self, scope: Any, receive: Any, serving: asyncio.Task[Any]) -> None:
        self.on_leave: Callable[[], object] = serving.cancel
        self.has_left = False
        self._receive = None if TELLS in scope else receive
        self._is_watched = False
        self._watching: asyncio.Task[None] | None = None
        scope[_CLIENT] = self

    def watch(self) -> None:
        """Look out for the disconnect from now on."""
        self._is_watched = True
        if self._receive is not None:
            self._watching = asyncio.create_task(self._watch(self._receive))

    def ignore(self) -> None:
        """Look out for it no longer, and keep nothing of the request while its connection idles."""
        self._is_watched = False
        self.on_leave = _nothing
        if self._watching is not None:
            self._watching.cancel()

    def left(self) -> None:
        if self._is_watched and not self.has_left:
            self.has_left = True
            self.on_leave()

    async def _watch(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left()


def _nothing() -> None:
    """Do nothing."""


def when_client_leaves(request: Any, callback: Callable[[], None]) -> None:
    """Have a request go on when its client leaves: ``callback`` is called, nothing cancelled."""
    # Neither WSGI nor Django's own handler says when a client leaves.
    if client := getattr(request, "scope", {}).get(_CLIENT):
        client.on_leave = callback


def disconnected(scope: Any) -> None:
    """Say that a request's client has disconnected, as a server does that ``TELLS``."""
    if client := scope.get(_CLIENT):
        client.left()
