"""GET /api/admin/usage-stats: its sums are those of the records."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from tests.adminpanel.conftest import As
from tests.factories import UserFactory
from tests.tokens.usage import used
from tokens.models import Adjustment, Balance, Tier
from tokens.usage import aggregates, latency

MONDAY = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
TUESDAY = datetime(2026, 3, 3, 0, 0, tzinfo=UTC)
DAYS = {"from": "2026-03-02", "to": "2026-03-03"}


def stats(api: APIClient, **query: str) -> dict[str, Any]:
    answer = api.get("/api/admin/usage-stats", {**DAYS, **query})
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(autouse=True)
def records(user: User) -> None:
    used(user, at=MONDAY, model="a", charged=5, duration_ms=100)
    used(user, at=TUESDAY, model="b", charged=7, duration_ms=300, upstream_cost=Decimal("0.5"))
    used(UserFactory.create(), at=TUESDAY, model="b", charged=0, status="failed", cost=None)
    used(user, at=datetime(2026, 3, 4, tzinfo=UTC), charged=1000)


def test_totals_are_the_sums_of_the_records(support: APIClient) -> None:
    total = stats(support)["total"]

    assert total["requests"] == 3
    assert total["users"] == 2
    assert total["errors"] == 1
    assert total["charged"] == 12
    assert total["prompt_tokens"] == 30
    assert Decimal(total["cost"]) == Decimal("0.501")
    assert total["latency_ms"] == pytest.approx(
        {"p50": 100, "p95": 300, "p99": 300}, rel=latency.ERROR
    )
    assert stats(support)["rows"] == []


def test_the_plan_of_then(support: APIClient, user: User) -> None:
    """A user who went from free to pro on Tuesday used Monday's tokens as a free one."""
    Tier.objects.create(name="pro", title="Pro", monthly_tokens=1)
    Balance.objects.filter(user=user).update(tier="pro")
    Adjustment.objects.create(
        user=user, kind="tier", source="x", tier_id="pro", created_at=TUESDAY + timedelta(hours=9)
    )
    for _ in range(2):
        rows = {row["key"]: row["charged"] for row in stats(support, group_by="plan")["rows"]}
        assert rows == {"free": 5, "pro": 7}
        aggregates.aggregate()


def test_usage_is_summed_by_day(support: APIClient) -> None:
    rows = stats(support, group_by="day")["rows"]
    assert [(row["key"], row["charged"]) for row in rows] == [("2026-03-02", 5), ("2026-03-03", 7)]


@pytest.mark.parametrize(
    ("group", "keys"), [("model", ["b", "a"]), ("provider", ["demo"]), ("plan", ["free"])]
)
def test_by_what_used_the_most(support: APIClient, group: str, keys: list[str]) -> None:
    rows = stats(support, group_by=group)["rows"]
    assert [row["key"] for row in rows] == keys
    assert sum(row["charged"] for row in rows) == 12


def test_a_time_without_any(support: APIClient) -> None:
    empty = stats(support, **{"from": "2020-01-01", "to": "2020-01-01"}, group_by="day")
    assert (empty["total"]["requests"], empty["rows"]) == (0, [])
    assert empty["total"]["latency_ms"]["p50"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"from": "2026-03-04"},
        {"from": "2020-01-01"},
        {"to": "9999-12-31"},
        {"from": "9999-12-31", "to": "9999-12-31"},
        {"from": "", "to": "0001-01-05"},
        {"group_by": "user"},
        {"from": "2026-02-30"},
    ],
)
def test_invalid_queries_are_refused(support: APIClient, query: dict[str, str]) -> None:
    answer = support.get("/api/admin/usage-stats", {**DAYS, **query})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(("role", "status"), [("user", 403), ("staff", 403), ("finance", 200)])
def test_only_permitted_roles_see_usage(as_role: As, role: str, status: int) -> None:
    assert as_role(role).get("/api/admin/usage-stats").status_code == status
