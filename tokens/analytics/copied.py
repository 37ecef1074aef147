"""What ClickHouse has of a receipt: the columns, and how PostgreSQL computes them.

Ids, figures and the names of models, plans and providers are copied, and nothing that a user or a
client writes: no name, no address, no session or task, no id of a request. So when an account is
deleted, the copy, too, has no more than a number that belongs to nobody.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from tokens.analytics.outbox import Deleted
from tokens.tiers import DEFAULT_TIER
from tokens.usage.latency import BOUNDS
from tokens.usage.totals import PLANS

Row = tuple[Any, ...]
"""The values of ``COLUMNS``, in their order."""


@dataclass(frozen=True)
class Column:
    """A column of the copy: its type in ClickHouse, and its value in PostgreSQL (``u``, ``p``)."""

    name: str
    type: str
    value: str


_TEXT = "LowCardinality(String)"
# The first three are the key of the table: the same for all states of a receipt.
COLUMNS = (
    Column("created_at", "DateTime64(6, 'UTC')", "u.created_at"),
    Column("user_id", "Int64", "u.user_id"),
    Column("id", "UUID", "u.id"),
    Column("api_key", "Nullable(UUID)", "u.api_key"),
    Column("endpoint", _TEXT, "u.endpoint"),
    Column("model", _TEXT, "u.model"),
    Column("provider", _TEXT, "u.provider"),
    Column("plan", _TEXT, "p.plan"),
    Column("status", _TEXT, "u.status"),
    Column("source", _TEXT, "u.source"),
    Column("streamed", "Bool", "u.streamed"),
    Column("final", "Bool", "u.final"),
    Column("prompt_tokens", "Int64", "u.prompt_tokens"),
    Column("completion_tokens", "Int64", "u.completion_tokens"),
    Column("cached_tokens", "Int64", "u.cached_tokens"),
    Column("cache_write_tokens", "Int64", "u.cache_write_tokens"),
    Column("reasoning_tokens", "Int64", "u.reasoning_tokens"),
    Column("charged", "Int64", "u.charged"),
    Column("cost", "Nullable(Decimal(18, 10))", "COALESCE(u.upstream_cost, u.cost)"),
    Column("first_byte_ms", "Nullable(Int32)", "u.first_byte_ms"),
    Column("duration_ms", "Int32", "u.duration_ms"),
    Column("bucket", "UInt16", "GREATEST(width_bucket(u.duration_ms, %(bounds)s::int[]), 0)"),
)
NAMES = tuple(column.name for column in COLUMNS)
SUMMED = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "charged",
)

_USED = """
    WITH used AS (
        SELECT r.*, (r.created_at AT TIME ZONE 'UTC')::date AS day
          FROM tokens_usagerecord r WHERE {chosen}
    )
"""
_ROWS = f"""
    {_USED}
    SELECT {", ".join(column.value for column in COLUMNS)} FROM used u {PLANS} ORDER BY u.id
"""  # noqa: S608 - of the fixed texts above
_BY_ID = _ROWS.format(chosen="r.id = ANY(%(ids)s)")
_AFTER = _ROWS.format(
    chosen="%(after)s::uuid IS NULL OR r.id > %(after)s ORDER BY r.id LIMIT %(number)s"
)
# What the proof compares: enough that a row that is missing, doubled or old shows.
COMPARED = ("model", "provider", "plan", "status", "final")
_OF_PERIOD = "r.created_at >= %(start)s AND r.created_at < %(end)s AND r.id <> ALL(%(but)s)"
_SUMS = f"""
    {_USED.format(chosen=_OF_PERIOD)}
    SELECT {", ".join("p.plan" if name == "plan" else f"u.{name}" for name in COMPARED)}, count(*),
           {", ".join(f"sum(u.{name})::bigint" for name in SUMMED)},
           sum(COALESCE(u.upstream_cost, u.cost, 0)), sum(u.duration_ms)::bigint
      FROM used u {PLANS} GROUP BY {", ".join(str(n + 1) for n in range(len(COMPARED)))}
"""  # noqa: S608 - of the fixed texts above


def by_id(receipts: Sequence[UUID]) -> list[Row]:
    """Return the rows of these receipts, but of those that do not exist."""
    return _selected(_BY_ID, ids=list(receipts))


def after(receipt: UUID | None, number: int) -> list[Row]:
    """Return the rows of the receipts that follow one by id, or of the first ones."""
    return _selected(_AFTER, after=receipt, number=number)


def deleted(receipt: Deleted) -> Row:
    """Return a row by which ClickHouse knows the receipt; its other values mean nothing."""
    known = {
        "created_at": receipt.created_at,
        "user_id": receipt.user_id,
        "id": receipt.receipt,
    }
    return tuple(known.get(column.name, _nothing(column)) for column in COLUMNS)


def _nothing(column: Column) -> Any:
    if column.type.startswith("Nullable"):
        return None
    return "" if column.type == _TEXT else 0


def sums(start: datetime, end: datetime, *, without: Sequence[UUID]) -> dict[Row, Row]:
    """Sum the receipts of a period by ``COMPARED``, leaving some out."""
    rows = _selected(_SUMS, start=start, end=end, but=list(without))
    return split(rows)


def split(rows: Iterator[Row] | Sequence[Row]) -> dict[Row, Row]:
    """Return the sums by what they are of."""
    return {tuple(row[: len(COMPARED)]): tuple(row[len(COMPARED) :]) for row in rows}


def _selected(statement: str, **parameters: Any) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {**parameters, "bounds": BOUNDS, "free": DEFAULT_TIER})
        return list(cursor.fetchall())
