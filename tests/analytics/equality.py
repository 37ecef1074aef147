"""Comparing what staff read from ClickHouse with what PostgreSQL has."""

import uuid
from datetime import UTC, date, timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from tokens.analytics import figures, warehouse
from tokens.usage import by_user, queries, totals
from tokens.usage.queries import Filter

DAYS = 70
KEYS = [uuid.UUID(int=number) for number in range(3)]


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def span() -> dict[str, date]:
    return {"since": today() - timedelta(days=DAYS), "until": today() + timedelta(days=1)}


def assert_equal() -> None:
    """Compare everything that staff read, and the sums by key, with PostgreSQL."""
    ours, covered = figures.current(), totals.coverage()
    assert ours is not None
    for dimension in ("all", "model", "plan", "provider"):
        by_day = totals.by_day(dimension, **span(), covered=covered)
        assert ours.by_day(dimension, **span()) == sorted(
            by_day, key=lambda row: (row.day, row.key)
        )
        assert by_day
        assert by_name(ours.by_key(dimension, **span())) == by_name(
            totals.by_key(dimension, **span(), covered=covered)
        )
    assert ours.active_users(**span()) == by_user.active_users(**span(), covered=covered)
    for order in ("charged", "cost"):
        top: dict[str, Any] = {**span(), "at_most": 3, "by": order}
        assert ours.top_users(**top) == by_user.top_users(**top, covered=covered)
    assert keys_of_clickhouse() == keys_of_postgresql()


def by_name(rows: list[totals.KeyTotals]) -> dict[str | None, totals.KeyTotals]:
    return {row.key: row for row in rows}


def keys_of_clickhouse() -> dict[str | None, tuple[Any, ...]]:
    rows = warehouse.query(
        "SELECT api_key, count(), sum(charged), sum(cost), sum(prompt_tokens)"
        f" FROM {warehouse.RECEIPTS} FINAL GROUP BY api_key"
    )
    return {str(key) if key else None: tuple(sums) for key, *sums in rows}


def keys_of_postgresql() -> dict[str | None, tuple[Any, ...]]:
    found: dict[Any, queries.Sums] = {}
    for user in User.objects.all():
        for sums in queries.sums(user.pk, Filter(), "key"):
            found[sums.group] = found.get(sums.group, queries.Sums(group=sums.group)) + sums
    return {
        key: (sums.requests, sums.charged, sums.cost, sums.prompt_tokens)
        for key, sums in found.items()
    }
