"""Behind a transaction pooler, a statement is sent whole, with its timeouts, and leaves nothing."""

import asyncio

import psycopg
import pytest
from pytest_django import Settings

from core.database import Listener
from core.statement import PreparedStatement

pytestmark = pytest.mark.django_db(transaction=True)

_STATE = """
    SELECT json_build_array($1::text, current_setting('lock_timeout'),
        current_setting('statement_timeout'),
        (SELECT count(*) FROM pg_prepared_statements))::text
"""


@pytest.fixture(autouse=True)
def _pooled(settings: Settings) -> None:
    settings.DATABASE_TRANSACTION_POOLER = True


def fetched(statement: str, *parameters: bytes) -> list[bytes]:
    async def run() -> list[bytes]:
        pooled = await PreparedStatement.prepare(statement, patience=60)
        try:
            return [await pooled.fetch(each, patience=60) for each in parameters]
        finally:
            pooled.close()

    return asyncio.run(run())


def test_it_has_its_timeouts_and_nothing_is_prepared() -> None:
    assert fetched(_STATE, b"a") == [b'["a", "1s", "5s", 0]']


def test_its_timeouts_end_with_it() -> None:
    async def run() -> bytes:
        pooled = await PreparedStatement.prepare(_STATE, patience=60)
        await pooled.fetch(b"a", patience=60)
        try:
            return await pooled._ask(60, pooled._pgconn.send_query, b"SHOW statement_timeout")
        finally:
            pooled.close()

    assert asyncio.run(run()) == b"0"


def test_a_parameter_is_never_read_as_sql() -> None:
    odd = [b"it's", rb"a\b", b"'; DROP TABLE tokens_balance; --", "ü$1".encode()]

    assert fetched("SELECT $1::text", *odd) == odd


def test_errors_are_the_servers_own() -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        fetched("SELECT $1::jsonb", b"{")


async def test_nobody_listens() -> None:
    """It would leave the server's connection listening for whoever gets it next."""
    listener = Listener("anything", lambda _: None)

    await asyncio.wait_for(listener.listen_for_ever(), timeout=60)

    assert not listener.is_sure
