"""One connection to Redis that all requests of an event loop share.

The commands of one turn of the loop are sent in one write, and replies arrive in order, so a script
takes a fraction of the time that it would on its own connection. If the server is unavailable, only
one caller waits for the timeout: for a second after that, ``run`` fails at once.
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import hiredis
import orjson
import structlog
from redis.asyncio.connection import SSLConnection, parse_url

from core import redis_servers

log = structlog.get_logger("tokengate.tokens")

_AWAY_SECONDS = 1.0
# Errors that begin with these are caused by the script or its data, not by the server.
_OF_THE_SCRIPT = ("ERR", "WRONGTYPE")
_REDIRECTIONS = ("MOVED ", "ASK ")
_COMPLAIN_SECONDS = 1.0
# A wait is divided into turns of the loop's clock, so that a busy worker loses only one turn.
_TURNS = 4


class RedisUnavailable(Exception):
    """Redis is unavailable."""


class Redirected(Exception):
    """Another node of a cluster has the key, or only this time (``asking``) it is asked."""

    def __init__(self, reply: str) -> None:
        """Read ``MOVED slot host:port`` or ``ASK slot host:port``."""
        word, _, place = reply.split(" ", 2)
        host, _, port = place.rpartition(":")
        self.asking = word == "ASK"
        self.address = (host, int(port))
        super().__init__(reply)


class ScriptFailed(RedisUnavailable):
    """The script failed in Redis, so it is not repeated."""


class Script:
    """A Lua script, and the digest under which the server caches it.

    Its arguments are one for Redis, ``ARGV[1]``: an array in JSON. To write each apart takes twice
    the instructions here, and Redis the same time.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        packed: bytes = hiredis.pack_command(("EVALSHA", self.digest, 1))  # type: ignore[arg-type]  # any length
        beginning = packed.partition(b"\r\n")[2]
        self._with_one_key = b"*5\r\n%b$%%d\r\n%%b\r\n$%%d\r\n%%b\r\n" % beginning

    def command(
        self, keys: Sequence[str], arguments: Sequence[Any], *, is_cached: bool = True
    ) -> bytes:
        """Return its call, as Redis reads it: by the digest, or with the text.

        That with one key is written here: it takes a third of what hiredis takes, which is a
        hundredth of a request.
        """
        if is_cached and len(keys) == 1:
            key, argument = keys[0].encode(), orjson.dumps(arguments)
            return self._with_one_key % (len(key), key, len(argument), argument)
        what = ("EVALSHA", self.digest) if is_cached else ("EVAL", self.text)
        words = (*what, len(keys), *keys, orjson.dumps(arguments))
        command: bytes = hiredis.pack_command(words)  # type: ignore[arg-type]  # any length
        return command


class RedisLink:
    """Runs scripts on the server of a URL, or on the primary that Sentinels name.

    ``timeout`` is in seconds.
    """

    def __init__(self, url: str, *, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._pipe: _Pipe | None = None
        self._connecting: asyncio.Task[_Pipe] | None = None
        self._unavailable_until = 0.0
        self._is_unavailable = False
        self._complains_after = 0.0

    async def run(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Sequence[Any],
        *,
        asking: bool = False,
    ) -> Any:
        """Run an idempotent script. It is sent again if the connection breaks.

        ``asking`` has a node of a cluster run it for a slot that it is about to get. Raises
        ``RedisUnavailable``, although the script may have run, ``ScriptFailed``, although it may
        have run in part, or ``Redirected``.
        """
        sent = None if asking else self.send(script, keys, arguments)
        try:
            try:
                return await (sent or self._ask(script, keys, arguments, asking))
            except ConnectionError:
                return await self._ask(script, keys, arguments, asking)
            except hiredis.ReplyError as error:
                if sent is None or not _is_unknown_script(error):
                    raise
                return await self._ask(script, keys, arguments, asking)
        except (OSError, hiredis.HiredisError) as error:
            if isinstance(error, hiredis.ReplyError) and str(error).startswith(_REDIRECTIONS):
                raise Redirected(str(error)) from error
            if isinstance(error, hiredis.ReplyError) and str(error).startswith(_OF_THE_SCRIPT):
                self._complain(error)
                raise ScriptFailed from error
            self._lost(error)
            raise RedisUnavailable from error

    def send(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Any]
    ) -> asyncio.Future[Any] | None:
        """Run a script if there is a connection. The caller repeats it after a failure."""
        pipe = self._pipe
        if pipe is None or pipe.closed:
            return None
        return pipe.send_packed(script.command(keys, arguments))

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection that has not been closed."""
        return self._pipe is not None and not self._pipe.closed

    async def connect(self) -> None:
        """Connect ahead of the first request. Raises ``RedisUnavailable``."""
        try:
            await self._connected()
        except (OSError, hiredis.HiredisError) as error:
            self._lost(error)
            raise RedisUnavailable from error

    def close(self) -> None:
        """Close the connection. Calls that wait for an answer fail."""
        if self._connecting:
            self._connecting.cancel()
        if self._pipe:
            self._pipe.close()

    async def _ask(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Any], asking: bool
    ) -> Any:
        pipe = await self._connected()
        try:
            return await pipe.send_packed(script.command(keys, arguments), asking=asking)
        except hiredis.ReplyError as error:
            if not _is_unknown_script(error):
                raise
            whole = script.command(keys, arguments, is_cached=False)
            return await pipe.send_packed(whole, asking=asking)

    async def _connected(self) -> "_Pipe":
        if self._pipe and not self._pipe.closed:
            return self._pipe
        if time.monotonic() < self._unavailable_until:
            raise RedisUnavailable
        if self._connecting is None:
            self._connecting = asyncio.create_task(_connect(self._url, self._timeout))
            self._connecting.add_done_callback(self._connection_made)
        return await asyncio.shield(self._connecting)

    def _connection_made(self, connecting: "asyncio.Task[_Pipe]") -> None:
        self._connecting = None
        if not connecting.cancelled() and not connecting.exception():
            self._pipe = connecting.result()
            if self._is_unavailable:
                self._is_unavailable = False
                log.warning("redis_is_back")

    def _complain(self, error: Exception) -> None:
        """Log the error, but not for every request."""
        now = time.monotonic()
        if now >= self._complains_after:
            self._complains_after = now + _COMPLAIN_SECONDS
            log.error("redis_script_failed", error=repr(error))

    def _lost(self, error: Exception) -> None:
        self._unavailable_until = time.monotonic() + _AWAY_SECONDS
        if self._pipe:
            self._pipe.close()
        if not self._is_unavailable:  # Once for each outage.
            self._is_unavailable = True
            log.error("redis_is_away", error=repr(error))


class _Pipe(asyncio.Protocol):
    """Sends commands and receives replies in the same order, or fails after ``timeout``."""

    def __init__(self, timeout: float) -> None:
        self._turn = timeout / _TURNS
        self._replies = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._unsent: list[bytes] = []
        self._silent_turns = 0
        self._watch: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.closed = False

    def send(self, *words: str | int | float) -> asyncio.Future[Any]:
        """Send a command with the others of this turn; the future gets its reply."""
        return self.send_packed(hiredis.pack_command(words))  # type: ignore[arg-type]  # any length

    def send_packed(self, command: bytes, *, asking: bool = False) -> asyncio.Future[Any]:
        """Do as ``send`` with a command as Redis reads it, ``asking`` with a cluster's ASKING."""
        if asking:
            self.send("ASKING").add_done_callback(_seen)
        reply: asyncio.Future[Any] = self._loop.create_future()
        if self.closed:
            reply.set_exception(ConnectionResetError())
            return reply
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(command)
        self._waiting.append(reply)
        if self._watch is None:
            self._silent_turns = 0
            self._watch = self._loop.call_later(self._turn, self._listen)
        return reply

    def close(self, error: Exception | None = None) -> None:
        """Fail every waiting call."""
        self.closed = True
        if self._transport:
            self._transport.abort()
        if self._watch:
            self._watch.cancel()
        while self._waiting:
            _resolve(self._waiting.popleft(), error or ConnectionResetError())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none by its type

    def connection_lost(self, exc: Exception | None) -> None:
        self.close()

    def data_received(self, data: bytes) -> None:
        self._silent_turns = 0
        try:
            self._replies.feed(data)
            while self._waiting and (reply := self._replies.gets()) is not False:
                _resolve(self._waiting.popleft(), reply)
        except hiredis.ProtocolError as error:
            self.close(error)

    def _flush(self) -> None:
        if self._transport and not self.closed:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _listen(self) -> None:
        self._watch = None
        self._silent_turns += 1
        if self._waiting and self._silent_turns >= _TURNS:
            self.close(TimeoutError("Redis does not answer"))
        elif self._waiting:
            self._watch = self._loop.call_later(self._turn, self._listen)


def _is_unknown_script(error: hiredis.ReplyError) -> bool:
    return str(error).startswith("NOSCRIPT")


def _seen(reply: asyncio.Future[Any]) -> None:
    """Take a failure as seen: the command after it fails, too."""
    if not reply.cancelled():
        reply.exception()


def _resolve(waiting: asyncio.Future[Any], reply: Any) -> None:
    if waiting.done():
        return
    if isinstance(reply, Exception):
        waiting.set_exception(reply)
    else:
        waiting.set_result(reply)


async def _connect(url: str, timeout: float) -> _Pipe:
    """Open a connection and test it. Raises ``OSError`` or ``hiredis.HiredisError``."""
    opening = asyncio.create_task(_open(url, timeout))
    for _ in range(_TURNS):
        await asyncio.wait([opening], timeout=timeout / _TURNS)
        if opening.done():
            return opening.result()
    opening.cancel()
    raise TimeoutError("Redis does not answer")


async def _open(url: str, timeout: float) -> _Pipe:
    found = redis_servers.servers(url)
    if found.kind != "sentinel":
        return await _open_one(url, timeout)
    _, (host, port) = await first_answer(
        [found.url_of_sentinel(address) for address in found.addresses],
        ("SENTINEL", "get-master-addr-by-name", found.service),
        timeout=timeout,
    )
    pipe = await _open_one(found.url_of((host.decode(), int(port))), timeout)
    try:
        role = await pipe.send("ROLE")
    except BaseException:
        pipe.close()
        raise
    if role[0] != b"master":  # A Sentinel that was cut off names the former one.
        pipe.close()
        raise ConnectionError("the primary that a Sentinel named is a replica")
    return pipe


async def first_answer(
    urls: Sequence[str], command: tuple[str, ...], *, timeout: float
) -> tuple[str, Any]:
    """Ask several servers at once; returns the URL of the first that answers, and its answer.

    Raises ``ConnectionError`` if none does.
    """

    async def ask(url: str) -> tuple[str, Any]:
        pipe = await _open_one(url, timeout)
        try:
            answer = await pipe.send(*command)
        finally:
            pipe.close()
        if not answer:
            raise ConnectionError("no answer")
        return url, answer

    asking = [asyncio.create_task(ask(url)) for url in urls]
    try:
        for answered in asyncio.as_completed(asking, timeout=timeout):
            with suppress(OSError, hiredis.HiredisError):
                return await answered
        raise ConnectionError("none of the servers answers")
    finally:
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _open_one(url: str, timeout: float) -> _Pipe:
    options: dict[str, Any] = {**parse_url(url)}
    loop = asyncio.get_running_loop()

    def pipe() -> _Pipe:
        return _Pipe(timeout)

    if "path" in options:
        _, opened = await loop.create_unix_connection(pipe, options["path"])
    else:
        host, port = options.get("host", "localhost"), options.get("port", 6379)
        _, opened = await loop.create_connection(pipe, host, port, ssl=_tls(options))
    try:
        if options.get("password"):
            await opened.send("AUTH", options.get("username") or "default", options["password"])
        if options.get("db"):
            await opened.send("SELECT", options["db"])
        else:  # Sentinels have no databases.
            await opened.send("PING")
    except BaseException:
        opened.close()
        raise
    return opened


def _tls(options: dict[str, Any]) -> Any:
    """Return redis-py's TLS context for the options of a rediss:// URL, else None."""
    if options.pop("connection_class", None) is not SSLConnection:
        return None
    return SSLConnection(**options).ssl_context.get()
