"""A prepared statement that is sent again and again: its answers, its errors, and its end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
import pytest

from core.database import connect
from core.statement import PreparedStatement

pytestmark = pytest.mark.django_db(transaction=True)

T = TypeVar("T")
MIRROR = "SELECT $1::jsonb"
SLEEP = "SELECT pg_sleep($1::float8)::text"


def with_prepared(statement: str, story: Callable[[PreparedStatement], Awaitable[T]]) -> T:
    async def run() -> T:
        prepared = await PreparedStatement.prepare(statement, patience=60)
        try:
            return await story(prepared)
        finally:
            prepared.close()

    return asyncio.run(run())


async def kill(statement: str) -> None:
    """End the server's processes that have last run this."""
    admin = await connect()
    found = await admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query = %s",
        (statement,),
    )
    assert found.rowcount
    await admin.close()


def test_a_prepared_statement_answers_every_call() -> None:
    async def story(mirror: PreparedStatement) -> list[bytes]:
        return [await mirror.fetch(b"[%d]" % number, patience=60) for number in range(100)]

    assert with_prepared(MIRROR, story) == [b"[%d]" % number for number in range(100)]


def test_more_than_a_socket_takes_at_once() -> None:
    large = b'["' + "é".encode() * 8_000_000 + b'"]'

    async def story(mirror: PreparedStatement) -> bytes:
        return await mirror.fetch(large, patience=30)

    assert with_prepared(MIRROR, story) == large


def test_a_refusal_is_the_servers_own_error_and_harms_nothing() -> None:
    async def story(mirror: PreparedStatement) -> bytes:
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="json"):
            await mirror.fetch(b"{", patience=60)
        assert not mirror.closed
        return await mirror.fetch(b"1", patience=60)

    assert with_prepared(MIRROR, story) == b"1"


def test_what_cannot_be_prepared() -> None:
    async def story() -> None:
        with pytest.raises(psycopg.errors.UndefinedFunction):
            await PreparedStatement.prepare("SELECT nothing_of_the_kind($1)", patience=60)

    asyncio.run(story())


def test_a_silent_server_is_left() -> None:
    async def story(sleep: PreparedStatement) -> None:
        with pytest.raises(TimeoutError):
            await sleep.fetch(b"30", patience=0.05)
        assert sleep.closed
        with pytest.raises(psycopg.OperationalError):
            await sleep.fetch(b"0", patience=60)

    with_prepared(SLEEP, story)


def test_a_connection_that_is_lost_meanwhile() -> None:
    async def story(sleep: PreparedStatement) -> None:
        asked = sleep.fetch(b"4", patience=60)
        await kill(SLEEP)
        with pytest.raises(psycopg.OperationalError):
            await asked
        assert sleep.closed

    with_prepared(SLEEP, story)


def test_a_connection_that_is_lost_while_idle() -> None:
    async def story(mirror: PreparedStatement) -> None:
        await mirror.fetch(b"1", patience=60)
        await kill(MIRROR)
        async with asyncio.timeout(120):
            while not mirror.closed:  # noqa: ASYNC110 - the server says when
                await asyncio.sleep(0.01)
        with pytest.raises(psycopg.OperationalError):
            await mirror.fetch(b"1", patience=60)

    with_prepared(MIRROR, story)


def test_a_caller_that_goes_leaves_no_answer_for_the_next() -> None:
    async def story(sleep: PreparedStatement) -> None:
        asked = sleep.fetch(b"0.2", patience=60)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert sleep.closed

    with_prepared(SLEEP, story)
