"""The page of revenue, cost and margin: one range of days, figures that add up."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from adminpanel.reports import margin, recurring
from adminpanel.reports.source import open_source
from billing.models import Invoice, Pack, Subscription, TopUp
from billing.pricing.plans import seed_plans
from tests.adminpanel.site import signed_in
from tests.factories import UserFactory
from tests.tokens.usage import used
from tokens.periods import months_after
from tokens.usage import aggregates

Bill = Callable[..., Invoice]
pytestmark = pytest.mark.django_db


@pytest.fixture
def bill(db: None) -> Bill:
    """Return a function that bills a user for a period, at 20.00 unless said otherwise."""
    seed_plans()

    def make(user: User, start: datetime, end: datetime, *, paid: int = 2000, plan: str = "pro",
             refunded: int = 0) -> Invoice:  # fmt: skip
        subscription, _ = Subscription.objects.get_or_create(
            user=user, ended_at=None,
            defaults={"plan_id": plan, "interval": "month", "status": "active", "entitled": True,
                      "stripe_id": f"sub_{user.pk}"},
        )  # fmt: skip
        number = Invoice.objects.count()
        return Invoice.objects.create(
            id=f"in_{number}", subscription=subscription, plan_id=plan, status="paid",
            currency="usd", total=paid, paid=paid, refunded=refunded, period_start=start,
            period_end=end, created_at=start,
        )  # fmt: skip

    return make


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


MARCH = {"since": date(2026, 3, 1), "until": date(2026, 4, 1)}


def plans(**span: date) -> dict[str, margin.Margin]:
    return {row.key: row for row in margin.by_plan(open_source(), **(span or MARCH))}


def test_an_invoice_earns_evenly_over_its_period(bill: Bill) -> None:
    bill(UserFactory.create(), day(11), day(31), paid=2000)
    half = {"since": date(2026, 3, 21), "until": date(2026, 4, 1)}
    assert plans()["pro"].revenue == Decimal("20.00")
    assert plans(**half)["pro"].revenue == Decimal("10.00")
    assert plans(since=date(2026, 4, 1), until=date(2026, 5, 1)) == {}


def test_refunds_are_not_earned(bill: Bill) -> None:
    bill(UserFactory.create(), day(1), day(31), refunded=500)
    bill(UserFactory.create(), day(1), day(31), refunded=2000)
    assert plans()["pro"].revenue == Decimal("15.00")


def test_purchases_are_earned_when_they_are_paid(bill: Bill) -> None:
    user = UserFactory.create()
    pack = Pack.objects.create(name="p", tokens=1000, price=500)
    TopUp.objects.create(
        user=user, pack=pack, tokens=1000, amount=500, currency="usd", valid_days=0, status="paid",
        payment_intent="pi_1", paid=500, refunded=100, paid_at=day(5),
    )  # fmt: skip
    assert plans()[margin.PURCHASES].revenue == Decimal("4.00")


def test_tables_add_up(bill: Bill) -> None:
    ada, ben = UserFactory.create(), UserFactory.create()
    for user in (ada, ben):
        bill(user, day(1), day(31), paid=1999)
    for number, (user, model) in enumerate([(ada, "a"), (ada, "b"), (ben, "c")]):
        used(user, at=day(2 + number), model=model, charged=100 + number,
             upstream_cost=Decimal("1.5"))  # fmt: skip
    aggregates.aggregate()
    of_plans = margin.by_plan(open_source(), **MARCH)
    earned = sum((row.revenue for row in of_plans), Decimal(0))
    models = margin.by_model(open_source(), **MARCH, revenue=earned)
    assert earned == Decimal("39.98")
    assert sum(row.revenue for row in models) == earned
    assert sum(row.cost for row in models) == sum(row.cost for row in of_plans) == Decimal("4.50")


def test_who_costs_more_than_they_pay(bill: Bill) -> None:
    dear, cheap, free = (UserFactory.create() for _ in range(3))
    bill(dear, day(1), day(31), paid=100)
    bill(cheap, day(1), day(31), paid=2000)
    for user, cost in ((dear, "9"), (cheap, "3"), (free, "2")):
        used(user, at=day(3), upstream_cost=Decimal(cost))
    found = margin.losing_users(open_source(), **MARCH, at_most=5)
    assert [(row.key, row.margin) for row in found] == [
        (dear.email, Decimal("-8.00")),
        (free.email, Decimal("-2.00")),
    ]


def _figures(*amounts: Decimal) -> list[int]:
    return [int(amount) for amount in amounts]


def test_mrr_by_month_and_what_changed_it(bill: Bill) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    starts = [months_after(start, number) for number in range(4)]
    stays, grows, leaves, yearly = (UserFactory.create() for _ in range(4))
    middle = timedelta(days=14)
    for number in range(-1, 3):
        at = months_after(start, number) + middle
        bill(stays, at, months_after(at, 1))
        bill(grows, at, months_after(at, 1), plan="pro" if number < 1 else "enterprise",
             paid=2000 if number < 1 else 20_000)  # fmt: skip
        if number < 1:
            bill(leaves, at, months_after(at, 1))
    bill(yearly, start + middle, start + timedelta(days=379), paid=24_000)
    january, february, march = recurring.months(starts, currency="usd")
    assert _figures(january.before, january.new, january.mrr) == [60, 20, 80]
    assert _figures(february.expansion, february.churned, february.mrr) == [180, 20, 240]
    assert february.churn == 0.25
    assert _figures(march.before, march.mrr) == [240, 240]
    assert march.churn == 0


def test_the_page_is_for_who_sees_money(bill: Bill) -> None:
    user = UserFactory.create()
    bill(user, timezone.now() - timedelta(days=3), timezone.now() + timedelta(days=27))
    used(user, at=timezone.now(), upstream_cost=Decimal(50))
    page = signed_in("finance").get("/admin/margin/").content.decode()
    assert "Users who cost more than they pay" in page
    assert user.email in page
    assert signed_in("support").get("/admin/margin/").status_code == 403
    assert signed_in("support").get("/admin/export/margin-users.csv").status_code == 403
    assert Client().get("/admin/margin/").status_code == 302


def test_every_table_of_the_page_as_csv(bill: Bill) -> None:
    finance = signed_in("finance")
    for name in ("margin-plans", "margin-models", "margin-users", "mrr-months"):
        answer = finance.get(f"/admin/export/{name}.csv")
        assert answer.status_code == 200, name
        assert "USD" in answer.content.decode().splitlines()[0]
