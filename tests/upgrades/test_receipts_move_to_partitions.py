"""The table of receipts becomes partitioned while requests go on, and loses none of them."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.databases import copied
from tests.upgrades.migrating import migrate, start
from tests.waiting import wait_for
from tests.webserver import database_url
from tokens.ledger import Hold, Receipt, items
from tokens.ledger.batching import as_json
from tokens.usage.partitions import first_id

USER = 1
_BEFORE = ("tokens", "0016_refused_requests")
_RECEIPT = """
    INSERT INTO tokens_usagerecord (
        id, user_id, request_id, endpoint, streamed, model, provider, upstream_id, status, source,
        final, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, charged, attempts,
        available_before, available_after, duration_ms, created_at)
    VALUES (%(id)s, 1, %(id)s, 'e', false, 'm', 'p', '', 'ok', 'reported', %(final)s, 1, 2, 0, 0, 3,
            '[]', 9, 6, 5, %(at)s)
"""
_BALANCE = """
    INSERT INTO tokens_balance (
        user_id, tier_id, allocated, used, bonus, reserved, overdrawn, lapsing,
        period_start, period_end, anchor, due_at, renews_by, notified)
    VALUES (1, 'free', 1000000, 0, 0, 0, 0, 0, now(), now() + interval '20 days',
            now(), now() + interval '20 days', 'schedule', 0)
"""


def write_receipts(database: psycopg.Connection) -> None:
    """Write receipts of several months, some with an id of a former version, one provisional."""
    now = datetime.now(UTC)
    moments = [now - timedelta(days=days) for days in (0, 1, 35, 100, 400)]
    ids = [first_id(at) for at in moments] + [uuid4() for _ in moments]
    for number, (key, at) in enumerate(zip(ids, moments * 2, strict=True)):
        database.execute(_RECEIPT, {"id": key, "at": at, "final": number > 0})


def open_account(database: psycopg.Connection) -> None:
    with database.transaction():
        database.execute("SET LOCAL session_replication_role = replica")  # there is no such user
        database.execute(_BALANCE)


def receipts(database: psycopg.Connection) -> dict[UUID, Any]:
    rows = database.execute("SELECT id, to_jsonb(u) FROM tokens_usagerecord u").fetchall()
    return dict(rows)


def files(database: psycopg.Connection, table: str) -> set[int]:
    """Return the files of a table and its indexes, which are new ones if it was rewritten."""
    found = database.execute(
        "SELECT pg_relation_filenode(%s::regclass) UNION ALL"
        " SELECT pg_relation_filenode(indexrelid) FROM pg_index WHERE indrelid = %s::regclass",
        [table, table],
    )
    return {number for (number,) in found}


def kind(database: psycopg.Connection) -> str:
    found = database.execute("SELECT relkind FROM pg_class WHERE relname = 'tokens_usagerecord'")
    return str(found.fetchall()[0][0])


@contextmanager
def settling(database: str, callers: int = 3) -> Iterator[list[Future[int]]]:
    """Reserve and settle all the time; each future has how often it did."""
    stop = Event()

    def work(size: int) -> int:
        done = 0
        with psycopg.connect(database_url(database), autocommit=True, prepare_threshold=0) as own:
            while not stop.is_set():
                asked = [items.to_hold(USER, 10, None, 60, None, None) for _ in range(size)]
                own.execute("SELECT tokens_reserve(%s::jsonb)", [as_json(asked)])
                closed = [
                    items.to_close(Hold(item["id"], USER, 10, 0), 7, Receipt(model="m"))
                    for item in asked
                ]
                own.execute("SELECT tokens_settle(%s::jsonb)", [as_json(closed)])
                done += size
        return done

    with ThreadPoolExecutor(callers) as pool:
        running = [pool.submit(work, 1 + 2 * number) for number in range(callers)]
        try:
            yield running
        finally:
            stop.set()


@pytest.fixture(scope="module")
def with_receipts(released: str) -> Iterator[str]:
    """Return the name of a database with receipts of the last release, just before the move."""
    with copied(source=released) as name:
        with psycopg.connect(database_url(name), autocommit=True) as database:
            write_receipts(database)
            migrate(name, *_BEFORE)
            open_account(database)
        yield name


@pytest.fixture
def before(with_receipts: str) -> Iterator[psycopg.Connection]:
    """Return a connection to a copy of it."""
    with (
        copied(source=with_receipts) as name,
        psycopg.connect(database_url(name), autocommit=True) as opened,
    ):
        yield opened


def test_the_table_becomes_a_partition_while_requests_go_on(before: psycopg.Connection) -> None:
    before.execute("GRANT SELECT ON tokens_usagerecord TO pg_monitor")
    name, old, stored = before.info.dbname, receipts(before), files(before, "tokens_usagerecord")

    with settling(name) as running:
        wait_for(lambda: len(receipts(before)) > len(old) + 20)
        migrate(name, "tokens")
        reached = len(receipts(before))
        wait_for(lambda: len(receipts(before)) > reached + 20)

    settled = sum(each.result() for each in running)  # none has failed
    assert len(old) == 10
    assert len(receipts(before)) == len(old) + settled
    assert {key: row for key, row in receipts(before).items() if key in old} == old
    assert files(before, "tokens_usagerecord_default") == stored  # nothing was rewritten or built
    assert kind(before) == "p"
    found = before.execute("SELECT used, reserved FROM tokens_balance").fetchone()
    assert found == (7 * settled, 0)
    readable = "SELECT has_table_privilege('pg_monitor', 'tokens_usagerecord', 'SELECT')"
    assert before.execute(readable).fetchone() == (True,)


def test_a_settlement_that_waits_meanwhile_is_carried_out(before: psycopg.Connection) -> None:
    name = before.info.dbname
    item = items.to_hold(USER, 10, None, 60, None, None)
    before.execute("SELECT tokens_reserve(%s::jsonb)", [as_json([item])])
    closed = items.to_close(Hold(item["id"], USER, 10, 0), 7, Receipt(model="m"))

    def settle() -> Any:
        with psycopg.connect(database_url(name), autocommit=True) as own:
            return own.execute("SELECT tokens_settle(%s::jsonb)", [as_json([closed])]).fetchone()

    with psycopg.connect(database_url(name)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT FROM tokens_balance FOR UPDATE")
        settling = pool.submit(settle)
        waits = "SELECT FROM pg_stat_activity WHERE query LIKE %s AND wait_event_type = 'Lock'"
        wait_for(lambda: before.execute(waits, ["SELECT tokens_settle%"]).rowcount > 0)
        migrating = start(name, "manage.py", "migrate", "tokens", "0018", "--skip-checks")
        wait_for(
            lambda: (
                migrating.poll() is not None
                or before.execute(
                    "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_stat_clear_snapshot%'"
                    " AND pid <> pg_backend_pid()"
                ).rowcount
                > 0
            )
        )
        other.rollback()
        (answers,) = settling.result()
        assert migrating.wait() == 0

    assert answers[0]["charged"] == 7
    functions = before.execute("SELECT FROM pg_proc WHERE proname = 'tokens_receipt'")
    assert functions.rowcount == 0


def test_rolled_back_and_run_again(before: psycopg.Connection) -> None:
    """The table stays partitioned: the code before works with that."""
    name, old = before.info.dbname, receipts(before)
    migrate(name, "tokens")
    migrate(name, *_BEFORE)
    with settling(name) as running:
        wait_for(lambda: len(receipts(before)) > len(old) + 20)
    settled = sum(each.result() for each in running)
    migrate(name, "tokens")

    assert len(receipts(before)) == len(old) + settled


def test_killed_halfway_and_run_again(before: psycopg.Connection) -> None:
    name, old = before.info.dbname, receipts(before)
    with psycopg.connect(database_url(name)) as reader:
        reader.execute("SELECT FROM tokens_usagerecord")
        migrating = start(name, "manage.py", "migrate", "tokens", "--skip-checks")
        waits = "SELECT FROM pg_stat_activity WHERE query LIKE %s AND wait_event_type = 'Lock'"
        wait_for(lambda: before.execute(waits, ["%LOCK TABLE tokens_usagerecord%"]).rowcount > 0)
        migrating.kill()
        migrating.wait()
    assert (kind(before), receipts(before)) == ("r", old)

    migrate(name, "tokens", "0019")
    assert (kind(before), receipts(before)) == ("p", old)

    # It was done, and killed before that was recorded.
    before.execute("DELETE FROM django_migrations WHERE app = 'tokens' AND name >= '0017'")
    migrate(name, "tokens")
    assert receipts(before) == old
