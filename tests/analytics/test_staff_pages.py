"""Staff's pages read from ClickHouse, say so, and read from PostgreSQL when it is away."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from adminpanel.reports.source import open_source, reads_again
from tests.analytics.clickhouse import ClickHouse
from tests.analytics.equality import span, today
from tests.analytics.program import Program
from tests.factories import UserFactory
from tests.tokens.usage import used
from tokens.analytics import feed, figures, warehouse
from tokens.models import AnalyticsFeed, DailyTotal, DailyUsage, UsageRecord
from tokens.usage import totals

PAGES = ("/admin/", "/admin/?days=90", "/admin/margin/?days=90", "/admin/export/models.csv?days=90")
REPORTS = (
    "/api/admin/usage-stats?group_by=plan",
    "/api/admin/usage-stats?group_by=day",
    "/api/admin/revenue?months=3",
)


@pytest.fixture
def staff(clickhouse: ClickHouse) -> User:
    made: User = UserFactory.create(is_staff=True, is_superuser=True)
    return made


@pytest.fixture
def site(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def api(staff: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {session_pairs.issue(staff).access}")
    return client


@pytest.fixture
def busy(clickhouse: ClickHouse) -> ClickHouse:
    Program(3).history()
    feed.feed()
    return clickhouse


def test_pages_say_where_usage_was_read(busy: ClickHouse, site: Client) -> None:
    fed_until = AnalyticsFeed.objects.get().fed_until
    for page in PAGES[:3]:
        text = site.get(page).content.decode()
        assert "Usage from ClickHouse as of" in text
        assert f"{fed_until:%H:%M} UTC" in text
    assert "Usage from" not in site.get("/admin/refused/").content.decode()


def test_pages_and_reports_are_the_same_from_either(
    busy: ClickHouse, site: Client, api: APIClient
) -> None:
    ours = [site.get(PAGES[3]).content, *(told(api, report) for report in REPORTS)]
    AnalyticsFeed.objects.update(fed_until=timezone.now() - figures.FRESH - timedelta(minutes=1))

    assert "Usage from PostgreSQL" in site.get("/admin/").content.decode()
    theirs = [site.get(PAGES[3]).content, *(told(api, report) for report in REPORTS)]

    assert ours == theirs


def told(api: APIClient, report: str) -> dict[str, Any]:
    answer = api.get(report)
    assert answer.status_code == 200
    return {name: value for name, value in answer.json().items() if name != "as_of"}


def test_what_is_read_is_in_clickhouse_only(busy: ClickHouse, api: APIClient) -> None:
    before: Any = api.get("/api/admin/usage-stats").json()
    for model in (UsageRecord, DailyTotal, DailyUsage):
        model.objects.all().delete()

    assert before["total"]["requests"] > 0
    assert api.get("/api/admin/usage-stats").json()["total"] == before["total"]


def test_a_page_is_read_again_if_clickhouse_goes_meanwhile(busy: ClickHouse) -> None:
    names: list[str] = []

    @reads_again
    def page() -> list[totals.KeyTotals]:
        source = open_source()
        names.append(source.name)
        if len(names) == 1:
            busy.stop()
        return source.by_key("all", **span())

    try:
        found = page()
    finally:
        busy.start()

    assert found == totals.by_key("all", **span(), covered=totals.coverage())
    assert names == ["ClickHouse", "PostgreSQL"]


def test_days_that_clickhouse_does_not_have_are_read_from_postgresql(busy: ClickHouse) -> None:
    before = open_source().by_key("all", **span())
    AnalyticsFeed.objects.update(covers_from=today() - timedelta(days=40))
    warehouse.drop()
    state = AnalyticsFeed.objects.get()
    warehouse.prepare()
    warehouse.write(state.identity, state.acknowledged, [], [])

    source = open_source()

    assert source.name == "ClickHouse"
    assert source.by_key("all", **span()) == before
    assert source.by_key("all", since=today(), until=today()) == []


def test_without_the_setting_there_is_nothing_to_say(
    busy: ClickHouse, site: Client, settings: Any, staff: User
) -> None:
    settings.CLICKHOUSE_URL = ""
    used(staff, at=timezone.now())
    assert "Usage from" not in site.get("/admin/").content.decode()
