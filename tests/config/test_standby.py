"""A database that has become a standby answers, and refuses to write: an outage, not a bug."""

import asyncio
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from django.test import RequestFactory

from core import database
from core.http.rendering import to_api_error
from core.statement import PreparedStatement
from tokens.ledger.batching import Batcher

pytestmark = pytest.mark.django_db(transaction=True)


def write_to_a_standby() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        cursor.execute("CREATE TABLE anything ()")


def test_it_is_an_operational_error_and_503() -> None:
    with pytest.raises(OperationalError) as raised:
        write_to_a_standby()
    connection.close()

    error = to_api_error(raised.value, RequestFactory().get("/api/health"))
    assert (error.status, error.code) == (503, "unavailable")


async def test_callers_are_refused_at_once_for_a_second() -> None:
    with pytest.raises(OperationalError, match="read-only"):
        await database.in_thread(write_to_a_standby)
    try:
        with pytest.raises(OperationalError, match="a moment ago"):
            await database.in_thread(lambda: None)
    finally:
        database._away.until = 0.0


def test_the_ledger_looks_for_the_primary(monkeypatch: pytest.MonkeyPatch) -> None:
    """It connects anew, where the next server may be another."""
    real = PreparedStatement.prepare
    reached: list[PreparedStatement] = []

    async def prepare(statement: str, *, patience: float) -> Any:
        prepared = await real(statement, patience=patience)
        if not reached:
            prepared._pgconn.exec_(b"SET default_transaction_read_only = on")
        reached.append(prepared)
        return prepared

    async def run() -> Any:
        batcher = Batcher("tests_write")
        try:
            return await batcher.submit({"a": 1})
        finally:
            await batcher.close()

    monkeypatch.setattr(PreparedStatement, "prepare", prepare)
    with psycopg.connect(**of_the_tests(), autocommit=True) as admin:
        admin.execute(
            "CREATE TABLE tests_written (); CREATE FUNCTION tests_write(jsonb) RETURNS jsonb AS"
            " 'INSERT INTO tests_written DEFAULT VALUES; SELECT $1' LANGUAGE sql"
        )
        try:
            assert asyncio.run(run()) == {"a": 1}
        finally:
            admin.execute("DROP FUNCTION tests_write; DROP TABLE tests_written")

    assert len(reached) == 2


def of_the_tests() -> dict[str, Any]:
    parameters = connection.get_connection_params()
    return {name: parameters[name] for name in ("dbname", "user", "host") if name in parameters}
