"""One writer of the sums of usage at a time."""

from django.db import connection

_LOCK = 7_465_001


def take_turns() -> None:
    """Lock the sums until the transaction ends; this waits for other writers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
