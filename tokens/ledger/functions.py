"""The SQL functions of ``tokens/sql``, for callers that have a transaction."""

from typing import Any

from django.db import connection


def call(function: str, *arguments: Any) -> Any:
    """Call one function over Django's connection and return its result."""
    places = ", ".join(["%s"] * len(arguments))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}({places})", arguments)
        (value,) = cursor.fetchone()
    return value
