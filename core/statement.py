"""A prepared statement on libpq's asynchronous functions (``psycopg.pq``), for the hottest path.

It does what ``AsyncConnection.execute`` does with a few calls instead of a hundred. Behind a
transaction pooler, whose next connection would not know a prepared statement, its text is sent each
time.
https://www.postgresql.org/docs/current/libpq-async.html
"""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import errors
from psycopg.pq import ConnStatus, DiagnosticField, Escaping, ExecStatus
from psycopg.pq.abc import PGresult

from core.database import BRIEF, connect
from core.loops import Alarm
from core.plain_settings import settings

_NAME = b"prepared"


class PreparedStatement:
    """One statement on a connection of its own, sent again and again, one at a time.

    It takes one parameter and answers with the first column of its first row, both as text.
    Belongs to one event loop.
    """

    def __init__(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        """Take over a connection. Use ``prepare`` instead."""
        self._connection = connection  # kept: it would close what it owns
        self._pgconn = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[bytes] | None = None
        self._silence = Alarm(self._silent)
        self._result: PGresult | None = None
        self._text: str | None = None
        self._writes_on = False  # when the socket takes more
        self._socket = self._pgconn.socket
        self._loop.add_reader(self._socket, self._read)

    @classmethod
    async def prepare(cls, statement: str, *, patience: float) -> "PreparedStatement":
        """Connect, and prepare a statement with one parameter, ``$1``.

        Raises ``psycopg.OperationalError`` when the database cannot be reached, and what ``fetch``
        does.
        """
        prepared = cls(await connect())
        if settings.DATABASE_TRANSACTION_POOLER:
            prepared._text = statement
            return prepared
        try:
            await prepared._ask(patience, prepared._pgconn.send_prepare, _NAME, statement.encode())
        except BaseException:
            prepared.close()
            raise
        return prepared

    @property
    def closed(self) -> bool:
        """Whether it cannot be used any more: another one must be prepared."""
        is_left = self._answer is not None and self._answer.cancelled()
        return is_left or self._pgconn.status == ConnStatus.BAD

    def fetch(self, parameter: bytes, *, patience: float) -> asyncio.Future[bytes]:
        """Run it. The future fails with the server's ``psycopg.Error``; then it is fine, or closed.

        It fails with ``TimeoutError`` when the server has said nothing for ``patience`` seconds;
        whether it was carried out is unknown then, and as well when the future was cancelled.
        """
        if self._text is not None:
            return self._ask(patience, self._pgconn.send_query, self._whole(parameter))
        return self._ask(patience, self._pgconn.send_query_prepared, _NAME, [parameter])

    def close(self) -> None:
        """Leave at once: politely would wait for the server, too."""
        self._silence.stop()
        if self._socket >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = -1
        self._pgconn.finish()

    def _whole(self, parameter: bytes) -> bytes:
        """Return all of it as one query, which the server runs in one transaction."""
        brief = "".join(f"SET LOCAL {name} = {value};" for name, value in BRIEF.items())
        before, after = f"{brief}{self._text}".encode().split(b"$1")
        literal = bytes(Escaping(self._pgconn).escape_literal(parameter))
        return b"".join((before, literal, after))

    def _ask(self, patience: float, send: Callable[..., None], *what: Any) -> asyncio.Future[bytes]:
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._answer = answer
        self._silence.set(patience)
        try:
            send(*what)
        except psycopg.Error as error:
            self._end(error)
        else:
            self._flush()
        return answer

    def _flush(self) -> None:
        """Send what the socket takes, and the rest when it takes more."""
        try:
            is_left = self._pgconn.flush()
        except psycopg.Error as error:
            self._end(error)
            return
        if is_left:
            self._writes_on = True
            self._loop.add_writer(self._socket, self._flush)
        elif self._writes_on:
            self._writes_on = False
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    self._finish()
                    break
                self._result = result
        except psycopg.Error as error:
            self._end(error)

    def _finish(self) -> None:
        result, self._result = self._result, None
        answer = self._answer
        if result is None or answer is None or answer.done():
            return
        self._answer = None
        self._silence.clear()
        if result.status == ExecStatus.TUPLES_OK:
            answer.set_result(result.get_value(0, 0) or b"")
        elif result.status == ExecStatus.COMMAND_OK:
            answer.set_result(b"")
        else:
            answer.set_exception(_error(result))

    def _silent(self) -> None:
        self._end(TimeoutError())

    def _end(self, error: Exception) -> None:
        self.close()
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)


def _error(result: PGresult) -> psycopg.Error:
    state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
    message = result.get_error_message()
    try:
        return errors.lookup(state)(message)
    except KeyError:
        return psycopg.DatabaseError(message)
