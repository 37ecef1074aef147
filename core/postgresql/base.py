"""Django's backend for PostgreSQL, for a database whose primary can change.

A connection that reaches a standby can read, and refuses to write. For the caller that is an
outage: ``OperationalError``, not the ``InternalError`` of a bug. The pool's connections go with it,
as they were opened to the same server.
"""

from types import TracebackType
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.db.utils import DatabaseErrorWrapper, OperationalError
from django.utils.functional import cached_property


class _ErrorWrapper(DatabaseErrorWrapper):
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            connection: Any = self.wrapper  # type: ignore[attr-defined]  # not in the stubs
            connection.errors_occurred = True
            if connection.pool:
                connection.pool.drain()
            raise OperationalError(*error.args).with_traceback(traceback) from error
        super().__exit__(kind, error, traceback)


class DatabaseWrapper(base.DatabaseWrapper):
    @cached_property
    def wrap_database_errors(self) -> Any:
        """The context in which errors of psycopg become those of Django."""
        return _ErrorWrapper(self)
