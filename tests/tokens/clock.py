"""The ledger's clock in the hand of a test."""

from datetime import UTC, datetime

from django.db import connection


def set_clock(moment: datetime | str) -> datetime:
    """Let it be that moment for periods and bonuses, until the test is rolled back."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION tokens_now() RETURNS timestamptz LANGUAGE sql"
            f" AS $$ SELECT '{moment.isoformat()}'::timestamptz $$"
        )
    return moment


def follow_setting() -> None:
    """Have the clock read a setting of the connection, until the test is rolled back.

    ``turn_to`` then sets it without a new function, after which PostgreSQL plans everything anew.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION tokens_now() RETURNS timestamptz LANGUAGE sql"
            " AS $$ SELECT current_setting('tokengate.now')::timestamptz $$"
        )


def turn_to(moment: datetime) -> None:
    """Let it be that moment, after ``follow_setting``."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('tokengate.now', %s, false)", [moment.isoformat()])
