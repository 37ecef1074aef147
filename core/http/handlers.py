"""The two ASGI handlers.

Both limit the size of a body. `LeanHandler` is for the proxy's async routes: URLconf, middleware
chain, HttpRequest and HttpResponse are Django's, but it starts no threads (Django's handler starts
several for each request: for sync signal receivers and sync middleware hooks).
"""

import asyncio
import io
import tempfile
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import IO, Any

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponseBase
from django.urls import ResolverMatch, get_resolver, set_script_prefix
from django.utils.module_loading import import_string

from core.errors import PayloadTooLarge, RequestTimeout
from core.http.disconnects import Client
from core.http.headers import PLAIN_HEAD, PlainHeaders, add_plain, plain_head
from core.http.rendering import error_response
from core.http.requests import LeanRequest
from core.plain_settings import settings

_INCOMING = "tokengate.incoming"
# Bytes of a body for which a client may take a second more.
_SLOWEST = 10_000
_SPOOL_ABOVE = 2_500_000
# The longest path that is kept with its view: anybody may ask for any.
_LONGEST_KEPT = 300
# Past its limit a body is read and thrown away, so that the client gets to read our answer;
# past this one the connection is simply answered.
_DISCARD_AT_MOST = 256_000_000


class BoundedHandler(ASGIHandler):
    """Django's handler, with a bound on the body that no view can forget."""

    max_body = settings.MAX_BODY_BYTES

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request; give its database connection back whatever is raised.

        Django does so only where there is a response or the client has gone. The connection belongs
        to the request's thread, so nothing else would ever find it, and the pool would run empty.
        """
        try:
            await super().handle(scope, receive, send)
        except Exception:
            await request_finished.asend(sender=self.__class__)
            raise

    async def read_body(self, receive: Any) -> IO[bytes]:
        """Read the body up to the limit. A longer one is dropped: `.too_large` is then true."""
        message = await receive()
        chunk = message.get("body", b"")
        if message["type"] == "http.request" and not message.get("more_body"):
            return _WholeBody(chunk) if len(chunk) <= self.max_body else _TooLargeBody()
        return await self._read_parts(message, receive)

    async def _read_parts(self, message: Any, receive: Any) -> IO[bytes]:
        body = _SpooledBody(max_size=_SPOOL_ABOVE)
        loop = asyncio.get_running_loop()
        began, size = loop.time(), 0
        while True:
            if message["type"] == "http.disconnect":
                body.close()
                raise RequestAborted
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= self.max_body:
                body.write(chunk)
            if not message.get("more_body") or size > _DISCARD_AT_MOST:
                break
            try:
                async with asyncio.timeout_at(
                    began + settings.CLIENT_BODY_TIMEOUT + size / _SLOWEST
                ):
                    message = await receive()
            except TimeoutError:
                body.too_late = True
                break
        body.too_large = size > self.max_body
        body.seek(0)
        return body

    def create_request(self, scope: Any, body_file: IO[bytes]) -> Any:
        request, error = super().create_request(scope, body_file)
        if request is not None:
            request.body_too_large = getattr(body_file, "too_large", False)  # type: ignore[attr-defined]
            request.body_too_late = getattr(body_file, "too_late", False)  # type: ignore[attr-defined]
        return request, error


class LeanHandler(BoundedHandler):
    """Serves async views without a thread, and cancels them the moment the client goes."""

    max_body = settings.MAX_LLM_BODY_BYTES
    request_class = LeanRequest

    def load_middleware(self, is_async: bool = True) -> None:
        self._hooks = [import_string(path)() for path in settings.LEAN_MIDDLEWARE]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = _whole(receive) or await receive()
        if message["type"] == "http.disconnect":
            return
        # Served in the server's own task, which the watcher cancels: one task fewer to switch to.
        serving = asyncio.current_task()
        assert serving is not None
        client = Client(scope, receive, serving)
        body, incoming = self._body(message, receive, client, scope)
        try:
            request, response = self.create_request(scope, body)
            if request is not None:
                response = await self._respond(request)
            if incoming is not None and not incoming.is_read:
                add_plain(response, {"Connection": "close"})
            await _send(response, send, scope)
        except RequestAborted:  # The client went before its request was whole.
            return
        except asyncio.CancelledError:
            if not client.has_left or serving.uncancel():
                raise  # The server itself wants to end.
        finally:
            client.ignore()
            if incoming is not None:
                incoming.close()

    async def _respond(self, request: HttpRequest) -> HttpResponseBase:
        """Call the middleware's hooks and the view, all in this one coroutine."""
        response: Any = None
        entered = []
        for hooks in self._hooks:
            entered.append(hooks)
            response = hooks.process_request(request)
            if response is not None:
                break
        else:
            try:
                view, args, kwargs = self.resolve_request(request)
                response = view(request, *args, **kwargs)
                if not isinstance(response, HttpResponseBase):
                    response = await response
            except RequestAborted:
                raise
            except Exception as exc:  # noqa: BLE001 - the border: everything is rendered
                response = error_response(exc, request)
        for hooks in reversed(entered):
            response = hooks.process_response(request, response)
        answered: HttpResponseBase = response
        return answered

    def _body(
        self, message: Any, receive: Any, client: Client, scope: Any
    ) -> tuple[IO[bytes], "Incoming | None"]:
        """Return the body that came in one message; else an empty one, and what is coming."""
        if not message.get("more_body"):
            client.watch()
            whole = message.get("body", b"")
            return (_WholeBody(whole) if len(whole) <= self.max_body else _TooLargeBody()), None
        incoming = scope[_INCOMING] = Incoming(self._read_parts(message, receive), client.watch)
        return _WholeBody(), incoming

    def create_request(self, scope: Any, body_file: IO[bytes]) -> Any:
        if root := scope.get("root_path"):
            set_script_prefix(root)
        request, error = super().create_request(scope, body_file)
        if request is not None and isinstance(body_file, _WholeBody):
            # What `request.body` would read: its size is bounded, and known, already.
            request._body = body_file.getvalue()  # noqa: SLF001
        return request, error

    def resolve_request(self, request: HttpRequest) -> Any:
        """Find the view; a path's patterns are tried in turn only once."""
        path = request.path_info
        resolve = _resolved if len(path) <= _LONGEST_KEPT else _resolved.__wrapped__
        match = request.resolver_match = resolve(path)
        return match.func, match.args, match.kwargs


def _whole(receive: Any) -> Any:
    """Return the message with a body that has come already, from our own server; else None."""
    take = getattr(getattr(receive, "__self__", None), "whole_body", None)
    body = None if take is None else take()
    return None if body is None else {"type": "http.request", "body": body}


class _WholeBody(io.BytesIO):
    """What came in one message, as nearly every body does: a third of a spooled file's work."""

    too_large = False


class _TooLargeBody(io.BytesIO):
    too_large = True


class _SpooledBody(tempfile.SpooledTemporaryFile[bytes]):
    too_large = too_late = False


class Incoming:
    """A body of several parts, of which the first has come; the rest is read when it is asked for.

    So nothing of it is kept for a caller who is not known.
    """

    def __init__(self, reading: Coroutine[Any, Any, IO[bytes]], watch: Callable[[], None]) -> None:
        """``watch`` is called when the body is whole: only then may the client's leaving be."""
        self._reading = reading
        self._watch = watch
        self.is_read = False

    async def read(self) -> bytes:
        """Return the whole body. Raises ``PayloadTooLarge`` or ``RequestTimeout``."""
        self.is_read = True
        body: Any = await self._reading
        with body:
            if body.too_late:
                raise RequestTimeout(headers={"Connection": "close"})
            self._watch()
            if body.too_large:
                raise PayloadTooLarge
            whole: bytes = body.read()
            return whole

    def close(self) -> None:
        """Leave what was not read."""
        self._reading.close()


def is_whole(request: Any) -> bool:
    """Tell whether a request's body has come; else it is to be had by ``whole_body`` only."""
    return _INCOMING not in getattr(request, "scope", {})


async def whole_body(request: Any) -> bytes:
    """Return a request's body, waiting for what of it is still to come."""
    incoming: Incoming = request.scope[_INCOMING]
    return await incoming.read()


@lru_cache(maxsize=1024)
def _resolved(path: str) -> ResolverMatch:
    return get_resolver().resolve(path)


async def _send(response: Any, send: Any, scope: Any) -> None:
    """Send an answer. What our own server takes at once, it is given at once."""
    if not response.streaming:
        body = response.content
        add_plain(response, {"Content-Length": str(len(body))})
        start = _start(response, scope, length=len(body))
        if PLAIN_HEAD in start:
            await send({**start, "body": body})
        else:
            await send(start)
            await send({"type": "http.response.body", "body": body})
        return
    # As the view made it, without StreamingHttpResponse's wrappers; closed whatever happens.
    parts = response._iterator  # noqa: SLF001
    patience = _Patience(settings.CLIENT_SEND_TIMEOUT, _cut_of(send))
    write = getattr(getattr(send, "__self__", None), "write_part", None)
    try:
        await send(_start(response, scope))
        async for part in parts:
            if write is None or not write(part):
                patience.sending_since = patience.now()
                await send({"type": "http.response.body", "body": part, "more_body": True})
                patience.sending_since = None
        await send({"type": "http.response.body", "body": b""})
    finally:
        patience.end()
        await parts.aclose()


def _cut_of(send: Any) -> Callable[[], Any]:
    """Return what ends the client's connection at once, for which ASGI has no word.

    What follows is what follows when a client goes. Of another server than uvicorn the connection
    is not known: there the request alone ends.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    task = asyncio.current_task()
    assert task is not None
    return transport.abort if transport else task.cancel


class _Patience:
    """Cuts a client off who takes nothing for so many seconds.

    A client that has stopped reading looks like one that is alive. One timer for a stream, not
    one for each part: it is off by half the time at most.
    """

    def __init__(self, seconds: float, cut: Callable[[], Any]) -> None:
        self._seconds = seconds
        self._cut = cut
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds / 2, self._look)
        self.now = self._loop.time
        self.sending_since: float | None = None

    def end(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        since = self.sending_since
        if since is not None and self.now() - since >= self._seconds:
            self._cut()
            return
        self._timer = self._loop.call_later(self._seconds / 2, self._look)


def _start(response: Any, scope: Any, *, length: int | None = None) -> dict[str, Any]:
    start = {"type": "http.response.start", "status": response.status_code}
    held = response.headers
    if isinstance(held, PlainHeaders):
        headers = held.plain
    else:
        headers = {name.title(): value for name, value in held.items()}
    names, values = tuple(headers), tuple(headers.values())
    if response.cookies:
        names += ("Set-Cookie",) * len(response.cookies)
        values += tuple(cookie.OutputString() for cookie in response.cookies.values())
    if PLAIN_HEAD in scope:
        closes = "close" in headers.get("Connection", "").lower()
        return {**start, PLAIN_HEAD: plain_head(names, values, length=length, closes=closes)}
    pairs = zip(names, values, strict=True)
    written = [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]
    return {**start, "headers": written}
