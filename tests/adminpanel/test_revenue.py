"""GET /api/admin/revenue: its figures are those of invoices, subscriptions and records."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from billing.models import Invoice, Plan, Price, StripeEvent, Subscription
from billing.pricing.plans import seed_plans
from tests.adminpanel.conftest import As
from tests.factories import UserFactory
from tests.tokens.usage import used
from tokens.periods import months_after
from tokens.usage import aggregates


def this_month() -> datetime:
    now = timezone.now()
    return datetime(now.year, now.month, 1, tzinfo=UTC)


def last_month() -> datetime:
    return months_after(this_month(), -1)


@pytest.fixture
def finance(as_role: As) -> APIClient:
    return as_role("finance")


@pytest.fixture(autouse=True)
def plans(db: None) -> None:
    seed_plans()
    for plan in ("pro", "enterprise"):
        for interval, amount in (("month", 2000), ("year", 18_000)):
            Price.objects.create(
                id=f"price_{plan}_{interval}",
                plan=Plan.objects.get(pk=plan),
                interval=interval,
                amount=amount,
                currency="usd",
            )


def subscribed(plan: str, interval: str = "month", **fields: Any) -> Subscription:
    user = UserFactory.create()
    columns = {"status": "active", "entitled": True, "stripe_id": f"sub_{user.pk}"} | fields
    return Subscription.objects.create(user=user, plan_id=plan, interval=interval, **columns)


def invoiced(subscription: Subscription, at: datetime, paid: int, refunded: int = 0) -> None:
    Invoice.objects.create(
        id=f"in_{Invoice.objects.count()}",
        subscription=subscription,
        plan_id=subscription.plan_id,
        status="paid",
        currency="usd",
        total=paid,
        paid=paid,
        refunded=refunded,
        period_start=at,
        period_end=at + timedelta(days=30),
        created_at=at,
    )


def test_an_invoice_counts_for_the_plan_that_it_was_for(finance: APIClient) -> None:
    rises = subscribed("pro")
    invoiced(rises, last_month(), 2000)
    Subscription.objects.filter(pk=rises.pk).update(plan="enterprise")

    (month, _) = report(finance, months="2")["months"]

    assert month["by_plan"] == [{"plan": "pro", "revenue": "20.00"}]


def report(api: APIClient, **query: str) -> dict[str, Any]:
    answer = api.get("/api/admin/revenue", query)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_mrr_is_the_sum_of_running_subscriptions(finance: APIClient) -> None:
    subscribed("pro")
    subscribed("pro", "year")
    subscribed("enterprise", status="past_due")
    subscribed("enterprise", status="trialing")
    subscribed("pro", status="canceled", ended_at=timezone.now(), entitled=False)

    told = report(finance)

    assert told["plans"] == [
        {"plan": "enterprise", "subscribers": 1, "mrr": "20.00"},
        {"plan": "pro", "subscribers": 2, "mrr": "35.00"},
    ]
    assert told["mrr"] == "55.00"


def test_revenue_is_listed_by_month(finance: APIClient, user: User) -> None:
    stays = subscribed("pro", created_at=last_month() - timedelta(days=3))
    leaves = subscribed(
        "enterprise",
        created_at=last_month() - timedelta(days=3),
        status="canceled",
        ended_at=last_month() + timedelta(days=5),
    )
    invoiced(stays, last_month(), 2000)
    invoiced(leaves, last_month(), 5000, refunded=1000)
    invoiced(stays, this_month(), 2000)
    StripeEvent.objects.create(
        id="evt_1", type="invoice.payment_failed", payload={}, created_at=last_month()
    )
    used(user, at=last_month(), cost=Decimal("1.25"))
    used(user, at=timezone.now(), cost=Decimal(9), upstream_cost=Decimal("0.5"))
    aggregates.aggregate()
    used(user, at=timezone.now(), cost=Decimal("0.25"))  # not summed yet

    last, this = report(finance, months="2")["months"]

    assert last == {
        "month": f"{last_month():%Y-%m}",
        "revenue": "60.00",
        "purchases": "0.00",
        "by_plan": [
            {"plan": "enterprise", "revenue": "40.00"},
            {"plan": "pro", "revenue": "20.00"},
        ],
        "new": 0,
        "churned": 1,
        "churn_rate": 0.5,
        "failed_payments": 1,
        "upstream_cost": "1.25",
        "margin": "58.75",
    }
    assert (this["revenue"], this["upstream_cost"], this["margin"]) == ("20.00", "0.75", "19.25")
    assert (this["churned"], this["churn_rate"]) == (0, 0.0)


def test_a_business_without_any(finance: APIClient) -> None:
    told = report(finance)
    assert (told["mrr"], told["plans"], len(told["months"])) == ("0.00", [], 12)
    assert told["months"][-1]["churn_rate"] is None


@pytest.mark.parametrize(
    "query", [{"months": "0"}, {"months": "37"}, {"months": "x"}, {"currency": "US$"}]
)
def test_invalid_queries_are_refused(finance: APIClient, query: dict[str, str]) -> None:
    answer = finance.get("/api/admin/revenue", query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("role", "status"), [("user", 403), ("staff", 403), ("support", 403), ("admin", 200)]
)
def test_only_permitted_roles_see_revenue(as_role: As, role: str, status: int) -> None:
    assert as_role(role).get("/api/admin/revenue").status_code == status
