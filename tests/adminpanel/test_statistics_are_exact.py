"""Staff's figures, read from daily sums, are those of the records."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from tests.factories import UserFactory
from tests.tokens.usage import record, used
from tokens.ledger import open_account
from tokens.models import Aggregation, UsageRecord
from tokens.usage import aggregates, latency


def today() -> date:
    return timezone.now().date()


def stats(api: APIClient, *, first: int, last: int = 0, group_by: str) -> dict[str, Any]:
    """Ask for the days from that many days ago to that many."""
    days = {"from": f"{today() - timedelta(days=first)}", "to": f"{today() - timedelta(days=last)}"}
    answer = api.get("/api/admin/usage-stats", {**days, "group_by": group_by})
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def a_busy_week(user: User) -> list[UsageRecord]:
    """Three users' records of the last seven days: the first ones closed, the last still open."""
    people = [user, UserFactory.create(), UserFactory.create()]
    for person in people:
        open_account(person.pk)
    noon = datetime.combine(today(), time(), UTC)
    UsageRecord.objects.bulk_create(
        record(
            people[number % 3 if number % 7 else 0],
            at=noon - timedelta(days=number % 7),
            model=f"m{number % 4}",
            provider=f"p{number % 2}",
            status="failed" if number % 9 == 0 else "ok",
            charged=number,
            upstream_cost=Decimal(number + 1) / 1000 if number % 5 else None,
            duration_ms=number * number % 70_000,
        )
        for number in range(400)
    )
    aggregates.aggregate()
    used(people[2], at=timezone.now(), model="m0", provider="p1", duration_ms=7)  # not summed yet
    return list(UsageRecord.objects.filter(created_at__gte=noon - timedelta(days=6)))


def counted(records: list[UsageRecord]) -> dict[str, Any]:
    answered = sorted(each.duration_ms for each in records if each.status == "ok")
    return {
        "requests": len(records),
        "errors": sum(each.status == "failed" for each in records),
        "prompt_tokens": sum(each.prompt_tokens for each in records),
        "completion_tokens": sum(each.completion_tokens for each in records),
        "charged": sum(each.charged for each in records),
        "cost": sum(
            (each.upstream_cost or each.cost or Decimal(0) for each in records),
            Decimal(0),
        ),
        "latency_ms": {
            f"p{percent}": pytest.approx(
                answered[math.ceil(len(answered) * percent / 100) - 1], rel=latency.ERROR
            )
            for percent in (50, 95, 99)
        },
    }


KEYS: dict[str, Callable[[UsageRecord], str]] = {
    "day": lambda each: f"{each.created_at:%Y-%m-%d}",
    "model": lambda each: each.model,
    "provider": lambda each: each.provider,
    "plan": lambda each: "free",
}


def test_all_figures_are_those_of_the_records(
    support: APIClient, a_busy_week: list[UsageRecord]
) -> None:
    assert Aggregation.objects.get().open_from == today() - timedelta(days=2)
    for group in KEYS:
        told = stats(support, first=6, group_by=group)
        check(told, a_busy_week, group)
        assert sum(row["requests"] for row in told["rows"]) == 401


def check(told: dict[str, Any], records: list[UsageRecord], group: str) -> None:
    key_of = KEYS[group]
    for row in [told["total"], *told["rows"]]:
        mine = [each for each in records if row["key"] in (None, key_of(each))]
        found = {**row, "cost": Decimal(row["cost"])}
        users = found.pop("users")
        assert found.pop("key") in {None, *map(key_of, records)}
        assert found == counted(mine)
        if row["key"] is None or group == "day":
            assert users == len({each.user_id for each in mine})


def test_closed_days_are_not_read_from_the_records(
    support: APIClient, a_busy_week: list[UsageRecord]
) -> None:
    before = stats(support, first=6, last=3, group_by="model")
    UsageRecord.objects.all().delete()
    assert stats(support, first=6, last=3, group_by="model") == before
    assert before["total"]["requests"] > 200
