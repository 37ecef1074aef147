"""The SQL functions of ``tokens/sql``: migrations define them, and callers have a transaction."""

from pathlib import Path
from typing import Any

from django.db import connection
from django.db.migrations import RunSQL

_FOLDER = Path(__file__).parent / "sql"


def call(function: str, *arguments: Any) -> Any:
    """Call one function over Django's connection and return what it answers."""
    places = ", ".join(["%s"] * len(arguments))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({places})", arguments)
        (value,) = cursor.fetchone()
    return value


def define(*topics: str) -> RunSQL:
    """Return a migration's operation that defines what these files of ``tokens/sql`` say now.

    A body may name what a later migration makes: PostgreSQL looks at it when it is called.
    """
    texts = [(_FOLDER / f"{topic}.sql").read_text() for topic in topics]
    unchecked = "SET LOCAL check_function_bodies = off;"
    return RunSQL("\n".join([unchecked, *texts]), RunSQL.noop)
