"""Pages tell as of when their figures are, and all figures of a page are of one moment."""

import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from adminpanel.dashboard.dashboard import Dashboard
from adminpanel.dashboard.margin import MarginPage
from adminpanel.reports import source
from adminpanel.reports.days import Chosen, last_days
from tests.adminpanel.conftest import As
from tests.adminpanel.site import signed_in
from tests.factories import UserFactory
from tests.tokens.usage import used
from tokens.models import Aggregation
from tokens.usage import aggregates, totals

AS_OF = "Usage as of"


def week() -> Chosen:
    return Chosen(**last_days(7), preset=7, error="")


def rows(client: Client, name: str) -> list[dict[str, str]]:
    answer = client.get(f"/admin/export/{name}.csv", {"days": 7})
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def spend(user: User, days: int = 0) -> None:
    at = timezone.now() - timedelta(days=days)
    used(user, at=at, charged=100, upstream_cost=Decimal(1))


@pytest.fixture
def ada(db: None) -> User:
    """Someone with a request on a closed day, and one today; both are summed."""
    ada: User = UserFactory.create()
    spend(ada, days=5)
    spend(ada)
    aggregates.aggregate()
    return ada


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take one request on open days for many."""
    monkeypatch.setattr(totals, "LIVE_REQUESTS", 0)


def test_few_open_requests_are_read_live(ada: User) -> None:
    spend(ada)
    began = timezone.now()
    page = Dashboard(week(), sees_money=True)
    assert page.tiles[0].value == "3"
    assert page.as_of
    assert abs(page.as_of.moment - began) < timedelta(minutes=1)
    assert AS_OF in signed_in("finance").get("/admin/").text


@pytest.mark.usefixtures("busy")
def test_many_open_requests_are_as_of_their_last_sums(ada: User) -> None:
    finance = signed_in("finance")
    Aggregation.objects.update(summed_at=timezone.now() - timedelta(minutes=4))
    spend(ada)
    page = Dashboard(week(), sees_money=True)
    assert page.tiles[0].value == "2"
    assert page.as_of
    assert page.as_of.moment == Aggregation.objects.get().summed_at
    shown = finance.get("/admin/").text
    assert f"{page.as_of.moment:%H:%M} UTC</time>" in shown
    assert "late" not in shown
    for name in ("models", "providers", "plans", "days", "users"):
        assert sum(int(row["Requests"]) for row in rows(finance, name)) == 2, name
    for name in ("margin-plans", "margin-models", "margin-users"):
        assert sum(int(row["Tokens charged"]) for row in rows(finance, name)) == 200, name
    aggregates.aggregate()
    assert Dashboard(week(), sees_money=True).tiles[0].value == "3"


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("path", ["/admin/", "/admin/margin/"])
def test_late_sums_are_a_warning(ada: User, path: str) -> None:
    Aggregation.objects.update(summed_at=timezone.now() - timedelta(minutes=16))
    shown = signed_in("finance").get(path).text
    assert "The sums of the last days are late" in shown
    assert 'role="alert"' in shown


@pytest.mark.usefixtures("busy")
def test_closed_days_are_final(ada: User) -> None:
    last_month = timezone.now().date().replace(day=1) - timedelta(days=1)
    day = last_month.replace(day=1) - timedelta(days=1)  # All of its month is closed.
    query = {"from": f"{day}", "to": f"{day}"}
    finance = signed_in("finance")
    assert AS_OF not in finance.get("/admin/", query).text
    assert AS_OF not in finance.get("/admin/margin/", query).text
    final = finance.get("/admin/export/days.csv", query).headers["Content-Disposition"]
    assert f"days-{day}-{day}.csv" in final


@pytest.mark.usefixtures("busy")
def test_whole_months_of_closed_days_are_not_final(ada: User) -> None:
    """The table of months has the rest of the month, which only some of the staff see."""
    day = (timezone.now() - timedelta(days=2)).date().replace(day=1)
    Aggregation.objects.update(open_from=day + timedelta(days=1))
    closed = Chosen(first=day, last=day, preset=0, error="")
    assert Dashboard(closed, sees_money=True).as_of
    assert Dashboard(closed, sees_money=False).as_of is None


def test_late_sums_are_told_while_requests_are_few(ada: User) -> None:
    Aggregation.objects.update(summed_at=timezone.now() - timedelta(minutes=16))
    assert Dashboard(week(), sees_money=True)._source.coverage().are_live
    assert "The sums of the last days are late" in signed_in("finance").get("/admin/").text


@pytest.mark.usefixtures("busy")
def test_files_and_the_api_tell_it_too(ada: User, as_role: As) -> None:
    summed_at = Aggregation.objects.get().summed_at
    assert summed_at
    answer = signed_in("finance").get("/admin/export/days.csv")
    assert f"-as-of-{summed_at:%Y%m%dT%H%MZ}.csv" in answer.headers["Content-Disposition"]
    api: APIClient = as_role("finance")
    for path in ("usage-stats", "revenue"):
        told = api.get(f"/api/admin/{path}").json()["as_of"]
        assert told == summed_at.isoformat().replace("+00:00", "Z"), path


@pytest.fixture
def summing_meanwhile() -> Iterator[ThreadPoolExecutor]:
    def leave() -> None:
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(leave).result()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", [Dashboard, MarginPage])
def test_sums_that_change_while_a_page_is_drawn(
    page: type[Dashboard | MarginPage],
    summing_meanwhile: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The usage that is read last is of the same moment as the one that was read first."""
    monkeypatch.setattr(totals, "LIVE_REQUESTS", 0)
    user = UserFactory.create()
    spend(user)
    aggregates.aggregate()

    def grow() -> None:
        spend(user)
        aggregates.aggregate()

    days = week()
    shown = Dashboard(days, sees_money=True) if page is Dashboard else MarginPage(days)
    with source.snapshot():
        first = _tokens(shown)
        summing_meanwhile.submit(grow).result()
        assert _tokens_by_model(shown) == first == 100
    assert _tokens(Dashboard(days, sees_money=True)) == 200


def _tokens(page: Dashboard | MarginPage) -> int:
    if isinstance(page, Dashboard):
        return page._total.charged
    return sum(row.charged for row in page._plans)


def _tokens_by_model(page: Dashboard | MarginPage) -> int:
    table = next(table for table in page.tables if table.name.endswith("models"))
    column = [name in ("Charged", "Tokens charged") for name in table.columns].index(True)
    return sum(row[column] for row in table.rows)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "path",
    [
        "/admin/",
        "/admin/margin/",
        "/admin/export/models.csv",
        "/api/admin/usage-stats",
        "/api/admin/revenue",
    ],
)
def test_every_report_reads_one_snapshot(as_role: As, path: str) -> None:
    asks = as_role("root") if path.startswith("/api/") else signed_in("root")
    with CaptureQueriesContext(connection) as captured:
        assert asks.get(path).status_code == 200
    asked = [query["sql"] for query in captured]
    begins = next(at for at, sql in enumerate(asked) if "REPEATABLE READ" in sql)
    assert not any("tokens_daily" in sql for sql in asked[:begins])


def test_days_before_any_sums(db: None) -> None:
    spend(UserFactory.create())
    page = Dashboard(week(), sees_money=False)
    assert page.tiles[0].value == "1"
    assert page._source.open_from == date.min
