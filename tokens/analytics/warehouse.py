"""The only caller of ClickHouse: its tables, writing rows, and queries.

A receipt is a row for each of its states; the one with the highest version counts (``FINAL``), so
that to write a state twice changes nothing.
https://clickhouse.com/docs/engines/table-engines/mergetree-family/replacingmergetree

The driver is loaded when ClickHouse is first used: few sites have one, and every process would take
a twentieth longer to start.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from urllib3.exceptions import HTTPError

from tokens.analytics.copied import COLUMNS, NAMES, Column, Row

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

T = TypeVar("T")

RECEIPTS = "tokengate_receipts"
FEEDS = "tokengate_feeds"

OF_PERIOD = "created_at >= {start:DateTime64(6, 'UTC')} AND created_at < {end:DateTime64(6, 'UTC')}"
"""The condition for a query's parameters ``start`` and ``end``."""

_CONNECT_SECONDS = 2
_ANSWER_SECONDS = 60
_QUERY_SECONDS = 20

# Months that nothing is written to any more become one part, which FINAL reads as fast as any.
_TABLES = (
    f"""CREATE TABLE IF NOT EXISTS {RECEIPTS} (
        {", ".join(f"{column.name} {column.type}" for column in COLUMNS)},
        version UInt64, is_deleted UInt8
    ) ENGINE = ReplacingMergeTree(version, is_deleted)
    PARTITION BY toYYYYMM(created_at) ORDER BY (toDate(created_at), user_id, id)
    SETTINGS min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1""",
    f"""CREATE TABLE IF NOT EXISTS {FEEDS} (identity UUID, run UInt64)
    ENGINE = ReplacingMergeTree(run) ORDER BY identity""",
)
_COLUMNS = f"""
    SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '{RECEIPTS}'
"""  # noqa: S608 - of constants
_HAS_FEEDS = f"""
    SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = '{FEEDS}'
"""  # noqa: S608 - of a constant


class Unavailable(Exception):
    """ClickHouse cannot be reached, does not answer in time, or refuses a statement."""


@dataclass(frozen=True)
class Fed:
    """What ClickHouse knows of the feeds that wrote to it."""

    runs: dict[UUID, int]
    """The last batch of each, by its identity."""


class _Opened(threading.local):
    """A connection of each thread, and the address that it is of."""

    url = ""
    client: "Client | None" = None


_opened = _Opened()


def lacks_tables() -> bool:
    """Return whether a table, or a column that a new version has, is missing."""
    return bool(_missing()) or not query(_HAS_FEEDS)


def prepare() -> None:
    """Create what is missing. Can be repeated."""
    for table in _TABLES:
        _command(table)
    for column in _missing():
        _command(f"ALTER TABLE {RECEIPTS} ADD COLUMN IF NOT EXISTS {column.name} {column.type}")


def _missing() -> list[Column]:
    known = {row[0] for row in query(_COLUMNS)}
    return [column for column in COLUMNS if column.name not in known]


def fed() -> Fed:
    """Return which feeds wrote to this database, and how far."""
    rows = query(f"SELECT identity, max(run) FROM {FEEDS} GROUP BY identity")  # noqa: S608
    return Fed({UUID(str(identity)): int(run) for identity, run in rows})


def write(identity: UUID, run: int, rows: Sequence[Row], deleted: Sequence[Row]) -> None:
    """Store the rows as of a run. When this returns, ClickHouse has them."""
    states = [(*row, run, 0) for row in rows] + [(*row, run, 1) for row in deleted]
    if states:
        _insert(RECEIPTS, states, [*NAMES, "version", "is_deleted"])
    _insert(FEEDS, [(identity, run)], ["identity", "run"])


def drop() -> None:
    """Drop the tables."""
    for table in (RECEIPTS, FEEDS):
        _command(f"DROP TABLE IF EXISTS {table}")


def query(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query; ``{name:Type}`` in it is a parameter."""
    limits = {
        "max_execution_time": _QUERY_SECONDS,
        "do_not_merge_across_partitions_select_final": 1,
    }
    found = _done(
        lambda client: client.query(statement, parameters=parameters, settings=limits).result_rows
    )
    return [tuple(row) for row in found]


def _command(statement: str) -> None:
    _done(lambda client: client.command(statement))


def _insert(table: str, rows: Sequence[Row], names: Sequence[str]) -> None:
    """Store rows, and wait until they are: a server may be set to answer before."""
    _done(
        lambda client: client.insert(table, rows, column_names=names, settings={"async_insert": 0})
    )


def _done(work: "Callable[[Client], T]") -> T:
    from clickhouse_connect.driver.exceptions import Error

    try:
        return work(_client())
    except (Error, HTTPError, OSError) as error:
        close()
        raise Unavailable(str(error).partition("\n")[0][:300]) from error


def _client() -> "Client":
    import clickhouse_connect

    if _opened.client is None or _opened.url != settings.CLICKHOUSE_URL:
        close()
        _opened.client = clickhouse_connect.get_client(
            dsn=settings.CLICKHOUSE_URL,
            interface=urlsplit(settings.CLICKHOUSE_URL).scheme,
            connect_timeout=_CONNECT_SECONDS,
            send_receive_timeout=_ANSWER_SECONDS,
            query_retries=0,
            autogenerate_session_id=False,
        )
        _opened.url = settings.CLICKHOUSE_URL
    return _opened.client


def close() -> None:
    """Close this thread's connection; the next statement opens one."""
    client, _opened.client = _opened.client, None
    if client is not None:
        from clickhouse_connect.driver.exceptions import Error

        with suppress(Error, HTTPError, OSError):
            client.close()
