"""Daily sums: exact against the records, however often and late they are made."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from tests.tokens.accounts import account
from tests.tokens.usage import used
from tokens.models import Aggregation, DailyTotal, DailyUsage, UsageRecord
from tokens.usage import aggregates
from tokens.usage.latency import BOUNDS


def old() -> datetime:
    return timezone.now() - timedelta(days=9)


def long_ago() -> date:
    return (timezone.now() - timedelta(days=11)).date()


@pytest.fixture
def ada(db: None) -> User:
    return account(0)


def charged(day: datetime) -> int | None:
    sums = DailyUsage.objects.filter(day=day.astimezone(UTC).date())
    found: int | None = sums.aggregate(all=Sum("charged"))["all"]
    return found


def test_daily_sums_match_the_records(ada: User) -> None:
    for model, provider, status in (("a", "p", "ok"), ("a", "p", "ok"), ("b", "", "failed")):
        used(ada, at=timezone.now(), model=model, provider=provider, status=status, charged=3)
    used(account(0), at=old(), charged=7)

    aggregates.aggregate()

    assert charged(timezone.now()) == 9
    assert charged(old()) == 7
    row = DailyUsage.objects.get(model="a")
    assert (row.requests, row.prompt_tokens, row.completion_tokens) == (2, 20, 40)
    assert all(aggregates.differing(day) == 0 for day in aggregates.open_days())


def test_sums_of_all_users(ada: User) -> None:
    for user, model, ms in ((ada, "a", 5), (ada, "b", 5), (account(0), "a", 900)):
        used(user, at=timezone.now(), model=model, duration_ms=ms, charged=3)
    used(ada, at=timezone.now(), model="a", status="failed", duration_ms=5, charged=0, cost=None)

    aggregates.aggregate()

    in_all = DailyTotal.objects.get(dimension="all")
    assert (in_all.users, in_all.requests, in_all.errors, in_all.charged) == (2, 4, 1, 9)
    assert in_all.latency[BOUNDS.index(5)] == 2
    assert sum(in_all.latency) == 3  # who failed did not answer
    models = DailyTotal.objects.filter(dimension="model").order_by("key")
    assert [(row.key, row.users, row.requests) for row in models] == [("a", 2, 3), ("b", 1, 1)]
    assert set(DailyTotal.objects.values_list("dimension", flat=True)) == {
        "all",
        "model",
        "plan",
        "provider",
    }


def test_both_tables_are_made_of_the_same_records(ada: User) -> None:
    used(ada, at=timezone.now(), charged=3)
    with CaptureQueriesContext(connection) as captured:
        aggregates.aggregate()
    tables = ("tokens_dailyusage", "tokens_dailytotal")
    inserts = [query["sql"] for query in captured if "INSERT INTO tokens_daily" in query["sql"]]
    assert all(f"INSERT INTO {table}" in sql for table in tables for sql in inserts)
    tomorrow = timezone.now().astimezone(UTC).date() + timedelta(days=1)
    assert sum(f"'{tomorrow} " in sql for sql in inserts) == 1  # of all open days


def test_a_wrong_total_is_found_and_mended(ada: User) -> None:
    used(ada, at=timezone.now(), charged=3)
    aggregates.aggregate()
    day = timezone.now().astimezone(UTC).date()
    DailyTotal.objects.filter(dimension="plan").update(errors=1)
    assert aggregates.differing(day) == 2  # what is there, and what is not
    aggregates.aggregate()
    assert aggregates.differing(day) == 0


def test_again_changes_nothing(ada: User) -> None:
    used(ada, at=timezone.now(), charged=3)
    aggregates.aggregate()
    aggregates.aggregate()
    assert (charged(timezone.now()), DailyUsage.objects.count()) == (3, 1)


def test_only_open_days_are_made_anew(ada: User) -> None:
    used(ada, at=old(), charged=7)
    assert aggregates.aggregate() == 10
    assert aggregates.aggregate() == 3


def test_after_an_outage_it_catches_up(ada: User) -> None:
    aggregates.aggregate()
    Aggregation.objects.update(open_from=old().date())
    used(ada, at=old(), charged=7)
    aggregates.aggregate()
    assert charged(old()) == 7


def test_a_day_stays_open_for_final_usage(ada: User) -> None:
    provisional = used(ada, at=old(), charged=7, final=False)
    aggregates.aggregate()
    UsageRecord.objects.filter(pk=provisional.pk).update(charged=2, final=True)
    aggregates.aggregate()
    assert charged(old()) == 2


def test_the_command_says_what_it_summed(ada: User, capsys: pytest.CaptureFixture[str]) -> None:
    used(ada, at=old(), charged=7)
    call_command("aggregate_usage", dry_run=True)
    assert charged(old()) is None
    call_command("aggregate_usage")
    call_command("aggregate_usage", check=True)
    assert "are exact" in capsys.readouterr().out

    DailyUsage.objects.update(charged=8)
    with pytest.raises(CommandError, match=str(old().astimezone(UTC).date())):
        call_command("aggregate_usage", check=True, since=long_ago())
    call_command("aggregate_usage", since=long_ago())
    assert charged(old()) == 7


@pytest.mark.django_db(transaction=True)
def test_four_at_once() -> None:
    ada = account(0)
    for number in range(20):
        used(ada, at=timezone.now() - timedelta(days=number % 3), model=str(number), charged=1)

    def run(_: int) -> None:
        try:
            aggregates.aggregate()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    assert DailyUsage.objects.aggregate(all=Sum("charged"))["all"] == 20
