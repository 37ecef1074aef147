"""GET /api/tokens/usage: filters, sums, pages and CSV."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from tests.tokens.accounts import account
from tests.tokens.usage import record, used
from tests.webserver import WebServer
from tokens.models import Aggregation, UsageRecord
from tokens.usage import aggregates

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
KEY = uuid.uuid4()


@pytest.fixture(autouse=True)
def _in_march(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sums made of ten days, and not of all since then."""
    today = SimpleNamespace(now=lambda: MARCH + timedelta(days=9))
    monkeypatch.setattr(aggregates, "timezone", today)


@pytest.fixture
def ada(db: None) -> User:
    user = account(0)
    used(user, at=MARCH, model="a", charged=1, provider="demo", status="ok")
    used(user, at=MARCH + timedelta(hours=23), model="b", charged=2, api_key=KEY)
    used(user, at=MARCH + timedelta(days=1), model="b", charged=4, status="cancelled", cost=None)
    used(user, at=MARCH + timedelta(days=2), model="c", charged=8, upstream_cost=Decimal("0.5"))
    used(account(0), at=MARCH, charged=1000)
    return user


@pytest.fixture
def api(ada: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {session_pairs.issue(ada).access}")
    return client


def charges(api: APIClient, **query: str) -> list[int]:
    answer = api.get("/api/tokens/usage", query)
    assert answer.status_code == 200, answer.content
    return [row["charged"] for row in answer.json()["results"]]


def test_the_list_shows_the_newest_request_first(api: APIClient) -> None:
    assert charges(api) == [8, 4, 2, 1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"from": "2026-03-02"}, [8, 4]),
        ({"to": "2026-03-01"}, [2, 1]),
        ({"from": "2026-03-01", "to": "2026-03-02"}, [4, 2, 1]),
        ({"from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00+00:00"}, [4]),
        ({"to": "2026-03-01T23:30:00+00:30"}, [1]),
        ({"model": "b"}, [4, 2]),
        ({"model": "b", "status": "ok"}, [2]),
        ({"model": "b", "from": "2026-03-01T23:00:00Z"}, [4, 2]),
        ({"model": "b", "to": "2026-03-01"}, [2]),
        ({"provider": "other"}, []),
        ({"key": str(KEY)}, [2]),
        ({"key": str(uuid.uuid4())}, []),
    ],
)
def test_requests_are_filtered(api: APIClient, query: dict[str, str], found: list[int]) -> None:
    assert charges(api, **query) == found
    aggregates.aggregate()
    for open_from in ("2026-03-01", "2026-03-02", "2026-03-09"):
        Aggregation.objects.update(open_from=open_from)
        assert charges(api, **query) == found


def test_the_search_ends_at_the_first_match_that_the_sums_know(api: APIClient, ada: User) -> None:
    aggregates.aggregate()
    used(ada, at=MARCH - timedelta(days=9), model="b", charged=64)  # no sums tell of it
    assert charges(api, model="b") == [4, 2]
    assert charges(api) == [8, 4, 2, 1, 64]


@pytest.mark.parametrize(
    ("group", "sums"),
    [
        ("day", [("2026-03-01", 3), ("2026-03-02", 4), ("2026-03-03", 8)]),
        ("model", [("c", 8), ("b", 6), ("a", 1)]),
        ("provider", [("demo", 15)]),
        ("key", [(None, 13), (str(KEY), 2)]),
    ],
)
def test_usage_is_summed_by_group(
    api: APIClient, group: str, sums: list[tuple[str | None, int]]
) -> None:
    rows = api.get("/api/tokens/usage", {"group_by": group}).json()["results"]
    assert [(row["group"], row["charged"]) for row in rows] == sums
    assert sum(row["requests"] for row in rows) == 4


def test_sums_of_closed_days_are_those_of_the_records(api: APIClient) -> None:
    queries: list[dict[str, str]] = [
        {},
        {"from": "2026-03-02"},
        {"to": "2026-03-02T12:00:00Z"},
        {"from": "2026-03-01T00:00:01Z", "to": "2026-03-03T23:00:00Z"},
        {"from": "2026-03-01T09:00:00Z", "to": "2026-03-01T23:30:00Z"},
        {"model": "b"},
        {"status": "cancelled"},
        {"key": str(KEY)},
    ]
    every = [
        {**query, "group_by": group}
        for query in queries
        for group in ("day", "model", "provider", "key")
    ]

    def told() -> list[Any]:
        return [(asked, api.get("/api/tokens/usage", asked).json()) for asked in every]

    of_records = told()
    aggregates.aggregate()
    for open_from in ("2026-03-01", "2026-03-02", "2026-03-09"):
        Aggregation.objects.update(open_from=open_from)
        assert told() == of_records


def test_whole_closed_days_are_not_read_from_the_records(api: APIClient) -> None:
    before = api.get("/api/tokens/usage", {"group_by": "model"}).json()
    aggregates.aggregate()
    UsageRecord.objects.all().delete()
    assert api.get("/api/tokens/usage", {"group_by": "model"}).json() == before


def test_sums_of_what_matches(api: APIClient) -> None:
    (row,) = api.get("/api/tokens/usage", {"group_by": "model", "from": "2026-03-03"}).json()[
        "results"
    ]
    assert row == {
        "group": "c",
        "requests": 1,
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
        "charged": 8,
        "cost": "0.5000000000",
        "cache_write_tokens": 0,
    }


def test_pages_list_every_request_once(api: APIClient, ada: User) -> None:
    first = api.get("/api/tokens/usage", {"limit": "3"}).json()
    used(ada, at=MARCH + timedelta(days=9), charged=16)  # moves no later page
    second = api.get(first["next"]).json()
    assert [row["charged"] for row in first["results"] + second["results"]] == [8, 4, 2, 1]
    assert second["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"from": "2026-02-30"},
        {"to": "2026-03-01T00:00:00"},
        {"from": "2026-03-02", "to": "2026-03-01"},
        {"to": "9999-12-31"},
        {"from": "9999-12-31T12:00:00Z", "group_by": "day"},
        {"from": "0001-01-01T00:00:00+05:00", "group_by": "day"},
        {"to": "0001-01-01T00:00:00+05:00", "group_by": "day"},
        {"to": "9999-12-31T23:59:59-05:00"},
        {"key": "mine"},
        {"status": "fine"},
        {"group_by": "user"},
        {"model": "a\0"},
        {"model": "x" * 201},
    ],
)
@pytest.mark.parametrize("form", ["json", "csv"])
def test_invalid_queries_are_refused(api: APIClient, query: dict[str, str], form: str) -> None:
    answer = api.get("/api/tokens/usage", {**query, "format": form})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


def test_an_unfit_cursor(api: APIClient) -> None:
    answer = api.get("/api/tokens/usage", {"cursor": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_an_unknown_format(api: APIClient) -> None:
    answer = api.get("/api/tokens/usage", {"format": "xml"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("asked", [{"format": "csv"}, {}])
def test_sums_as_csv(api: APIClient, asked: dict[str, str]) -> None:
    headers = {} if asked else {"Accept": "text/csv"}
    answer = api.get("/api/tokens/usage", {"group_by": "day", **asked}, headers=headers)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert (rows[0]["group"], rows[0]["charged"]) == ("2026-03-01", "3")


@pytest.fixture
def exports(web: WebServer, transactional_db: None) -> Any:
    user = account(0)
    access = session_pairs.issue(user).access

    def export(**query: str) -> list[dict[str, str]]:
        answer = httpx.get(
            f"{web.url}/api/tokens/usage",
            params={"format": "csv", **query},
            headers={"Authorization": f"Bearer {access}"},
            timeout=120,
            trust_env=False,
        )
        assert answer.headers["Content-Disposition"] == 'attachment; filename="usage.csv"'
        return list(csv.DictReader(io.StringIO(answer.raise_for_status().text)))

    export.user = user  # type: ignore[attr-defined]
    return export


def test_all_records_as_csv(exports: Any) -> None:
    UsageRecord.objects.bulk_create(  # more than one page
        record(exports.user, at=MARCH + timedelta(seconds=number // 3), charged=number)
        for number in range(2501)
    )
    rows = exports()
    assert sorted(int(row["charged"]) for row in rows) == list(range(2501))
    assert len({row["id"] for row in rows}) == 2501
    assert rows[0]["created_at"] > rows[-1]["created_at"]


def test_no_formulas_in_a_spreadsheet(exports: Any) -> None:
    used(exports.user, at=MARCH, request_id="=1+1", model="@sum")
    (row,) = exports()
    assert (row["request_id"], row["model"]) == ("'=1+1", "'@sum")


def test_a_request_id_that_was_used_again(api: APIClient, ada: User) -> None:
    for hour, charged in ((1, 16), (2, 32)):
        used(ada, at=MARCH + timedelta(hours=hour), charged=charged, request_id="again")
    first = UsageRecord.objects.get(charged=16)

    latest = api.get("/api/tokens/usage/again").json()
    by_its_own_id = api.get(f"/api/tokens/usage/{first.pk}").json()

    assert (latest["charged"], by_its_own_id["charged"]) == (32, 16)
