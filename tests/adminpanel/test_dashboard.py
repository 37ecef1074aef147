"""The dashboard on the admin's first page: its figures are those of the records."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from adminpanel.access import roles
from adminpanel.dashboard.dashboard import Dashboard, dollars
from adminpanel.reports.days import Chosen
from billing.models import Invoice, Subscription
from billing.pricing.plans import seed_plans
from tests.factories import UserFactory
from tests.tokens.usage import used
from tokens.usage import aggregates

Enter = Callable[[str], Client]


def today() -> date:
    return timezone.now().date()


@pytest.fixture
def enter(db: None) -> Enter:
    """Return a browser that is signed in as somebody of a role."""

    def make(role: str) -> Client:
        staff = UserFactory.create(is_staff=True)
        if role in roles.ROLES:
            staff.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(staff)
        return client

    return make


@pytest.fixture
def ada(db: None) -> User:
    """Someone who pays, with records on closed days, on open ones, and one not summed yet."""
    seed_plans()
    ada: User = UserFactory.create(email="ada@example.com")
    for days, model, status in ((9, "a", "ok"), (8, "b", "failed"), (1, "a", "ok")):
        at = timezone.now() - timedelta(days=days)
        used(ada, at=at, model=model, status=status, charged=30, duration_ms=1000)
    aggregates.aggregate()
    used(
        ada, at=timezone.now(), model="b", charged=1000, upstream_cost=Decimal("2.5"), duration_ms=5
    )
    subscription = Subscription.objects.create(
        user=ada, plan_id="pro", interval="month", status="active", entitled=True, stripe_id="sub_1"
    )
    month = datetime.combine(today().replace(day=1), time(), UTC)
    Invoice.objects.create(
        id="in_1", subscription=subscription, plan_id="pro", status="paid", currency="usd",
        total=2000, paid=2000, period_start=month, period_end=timezone.now() + timedelta(days=30),
        created_at=month,
    )  # fmt: skip
    return ada


def export(client: Client, name: str, **query: str | int) -> list[dict[str, str]]:
    answer = client.get(f"/admin/export/{name}.csv", query)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def of_days(first: date, last: date, *, sees_money: bool = False) -> Dashboard:
    return Dashboard(Chosen(first, last, preset=None, error=""), sees_money=sees_money)


def tiles(dashboard: Dashboard) -> dict[str, str]:
    return {tile.title: tile.value for tile in [*dashboard.tiles, *dashboard.money_tiles]}


def test_finance_sees_charts_users_and_revenue(enter: Enter, ada: User) -> None:
    answer = enter("finance").get("/admin/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.count('role="img"') == 8
    assert "ada@example.com" in page
    assert "MRR" in page


def test_cells_are_escaped(enter: Enter, ada: User) -> None:
    used(ada, at=timezone.now(), model='<b>"m"&')
    page = enter("support").get("/admin/").content.decode()
    assert '<th scope="row">&lt;b&gt;&quot;m&quot;&amp;</th>' in page
    assert "<b>" not in page


@pytest.mark.parametrize(
    ("amount", "text"), [("1234.5", "$1,234.50"), ("-2", "-$2.00"), ("-0.001", "$0.00")]
)
def test_amounts_in_dollars(amount: str, text: str) -> None:
    assert dollars(Decimal(amount)) == text


def test_figures_are_those_of_the_records(ada: User) -> None:
    shown = tiles(of_days(today() - timedelta(days=29), today(), sees_money=True))
    assert shown["Requests"] == "4"
    assert shown["Active users"] == "1"
    assert shown["Tokens charged"] == "1.09k"
    assert shown["Errors"] == "25.0%"
    assert [shown[name] for name in shown if name.startswith("Upstream cost, ")] == ["$2.50"]
    assert shown["New"] == "1"


def test_only_the_days_asked_for(ada: User) -> None:
    day = today() - timedelta(days=9)
    assert tiles(of_days(day, day))["Requests"] == "1"
    assert tiles(of_days(day, day + timedelta(days=1)))["Errors"] == "50.0%"


def test_a_year_is_drawn_by_week_and_adds_up(ada: User) -> None:
    year = of_days(today() - timedelta(days=364), today())
    assert sum(step.sums.requests for step in year._steps) == 4
    assert 52 <= len(year._steps) <= 54
    assert "Requests by week" in year.charts[0]


def test_tables_as_csv(enter: Enter, ada: User) -> None:
    finance = enter("finance")
    models = {row["Model"]: row for row in export(finance, "models")}
    assert models["b"]["Requests"] == "2"
    assert models["b"]["Errors"] == "1"
    assert models["b"]["Charged"] == "1030"
    assert Decimal(models["b"]["Upstream cost, USD"]) == Decimal("2.501")
    assert [row["Plan"] for row in export(finance, "plans")] == ["free"]
    assert [row["Requests"] for row in export(finance, "days", days=2)] == ["1", "1"]
    (top,) = export(finance, "users")
    assert (top["User"], top["Requests"], top["Charged"]) == ("ada@example.com", "4", "1090")
    (month,) = export(finance, "months", **{"from": f"{today():%Y-%m-01}", "to": f"{today()}"})
    assert (month["Revenue, USD"], month["New"]) == ("20.00", "1")


def test_support_sees_no_money(enter: Enter, ada: User) -> None:
    support = enter("support")
    page = support.get("/admin/").content.decode()
    assert "By model" in page
    for word in ("MRR", "USD", "Revenue", "$2.50"):
        assert word not in page
    assert "Upstream cost, USD" not in export(support, "models")[0]
    assert support.get("/admin/export/months.csv").status_code == 404


def test_who_sees_nothing(enter: Enter, client: Client) -> None:
    staff = enter("none")
    assert 'class="dashboard"' not in staff.get("/admin/").content.decode()
    assert staff.get("/admin/export/models.csv").status_code == 403
    assert client.get("/admin/export/models.csv").status_code == 302


@pytest.mark.parametrize(
    "query",
    [
        {"from": "x"},
        {"from": "2020-01-01"},
        {"days": "0"},
        {"from": "2026-02-01", "to": "2026-01-01"},
    ],
)
def test_invalid_days_are_reported(enter: Enter, query: dict[str, str]) -> None:
    support = enter("support")
    answer = support.get("/admin/", query)
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    assert support.get("/admin/export/models.csv", query).status_code == 404


def test_an_empty_site(enter: Enter) -> None:
    page = enter("admin").get("/admin/").content.decode()
    assert "No data for these days" in page


def test_no_more_queries_for_more_days(enter: Enter, ada: User) -> None:
    admin = enter("admin")

    def queries(days: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin.get("/admin/", {"days": days}).status_code == 200
        return len(captured)

    queries(7)
    assert queries(90) <= queries(28) + 6  # each month that is touched counts its movement
