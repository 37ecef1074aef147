"""Staff's pages read from ClickHouse, say so, and read from PostgreSQL when it is away."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from accounts.sessions import session_pairs
from adminpanel.reports import origin
from tests.analytics.clickhouse import ClickHouse
from tests.analytics.equality import span, today
from tests.analytics.program import Program
from tests.factories import UserFactory
from tests.tokens.usage import used
from tokens.analytics import feed, figures
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
        assert f"Usage from ClickHouse, as of {fed_until:%H:%M:%S} UTC" in text
    assert "Usage from" not in site.get("/admin/refused/").content.decode()


def test_pages_and_reports_are_the_same_from_either(
    busy: ClickHouse, site: Client, api: APIClient
) -> None:
    ours = [site.get(PAGES[3]).content, *(api.get(report).json() for report in REPORTS)]
    AnalyticsFeed.objects.update(fed_until=timezone.now() - figures.FRESH - timedelta(minutes=1))

    assert "Usage from PostgreSQL" in site.get("/admin/").content.decode()
    theirs = [site.get(PAGES[3]).content, *(api.get(report).json() for report in REPORTS)]

    assert ours == theirs


def test_what_is_read_is_in_clickhouse_only(busy: ClickHouse, api: APIClient) -> None:
    before: Any = api.get("/api/admin/usage-stats").json()
    for model in (UsageRecord, DailyTotal, DailyUsage):
        model.objects.all().delete()

    assert before["total"]["requests"] > 0
    assert api.get("/api/admin/usage-stats").json()["total"] == before["total"]


def test_a_page_is_read_again_if_clickhouse_goes_meanwhile(busy: ClickHouse) -> None:
    origins: list[origin.Origin | None] = []

    @origin.reads
    def page() -> list[totals.KeyTotals]:
        origins.append(origin.of(today()))
        if len(origins) == 1:
            busy.stop()
        return origin.by_key("all", **span())

    try:
        found = page()
    finally:
        busy.start()

    assert found == totals.by_key("all", **span())
    assert [each and each.name for each in origins] == ["ClickHouse", "PostgreSQL"]


def test_days_that_clickhouse_does_not_have_are_read_from_postgresql(
    busy: ClickHouse, site: Client
) -> None:
    AnalyticsFeed.objects.update(covers_from=today() - timedelta(days=40))

    assert "Usage from ClickHouse" in site.get("/admin/?days=30").content.decode()
    assert "Usage from PostgreSQL" in site.get("/admin/?days=90").content.decode()


def test_without_the_setting_there_is_nothing_to_say(
    busy: ClickHouse, site: Client, settings: Any, staff: User
) -> None:
    settings.CLICKHOUSE_URL = ""
    used(staff, at=timezone.now())
    assert "Usage from" not in site.get("/admin/").content.decode()
