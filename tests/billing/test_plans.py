"""The price list, seeded here and at Stripe, and compared with the caller's plan."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from billing.models import Invoice, Plan, Price
from billing.pricing import prices
from billing.stripe import gateway
from tests.billing.commands import run
from tests.billing.shop import Shop, change, subscribe
from tests.fakes.stripe_process import StripeProcess


def test_seeding_again_creates_nothing(shop: Shop) -> None:
    """A second time nothing is made, here or at Stripe; a database that forgot finds all again."""
    before = sorted(Price.objects.values_list("pk", flat=True))
    assert len(before) == 4
    assert "nothing, all there" in run("seed_plans").splitlines()[1]

    Price.objects.all().delete()
    run("seed_plans")

    assert sorted(Price.objects.values_list("pk", flat=True)) == before
    assert len(gateway.products()) == 2


def test_a_dry_run_lists_what_is_missing(shop: Shop, stripe_process: StripeProcess) -> None:
    """The prices of plans, too, that it does not create."""
    Price.objects.all().delete()
    Plan.objects.all().delete()
    stripe_process.reset(keep_endpoints=False)

    plans, at_stripe = run("seed_plans", dry_run=True).splitlines()

    assert plans == "created: free, pro, enterprise, small, medium, large"
    assert at_stripe.count("tokengate_") == 4
    assert not Plan.objects.exists()


def test_what_was_put_on_sale_meanwhile_stays_on_sale(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = prices.for_sale("pro", "month")
    Price.objects.all().delete()
    read = gateway.price

    def late(price_id: str) -> Any:
        found = read(price_id)
        run("seed_plans")
        return found

    monkeypatch.setattr(gateway, "price", late)
    prices.learn([price.pk])

    assert prices.for_sale("pro", "month") == price


def test_a_changed_price_has_a_successor(caller: APIClient, shop: Shop) -> None:
    subscribe(caller)
    old = prices.for_sale("pro", "month")
    Plan.objects.filter(pk="pro").update(price_month=2_500)

    assert "tokengate_pro_month: 2500 usd" in run("seed_plans", dry_run=True)
    assert change(caller, "enterprise").status_code == 200
    busy = change(caller, "pro")  # nobody pays another price than the list says
    assert (busy.status_code, busy.json()["error"]["code"]) == (409, "subscription_busy")
    run("seed_plans")

    assert prices.for_sale("pro", "month").amount == 2_500
    assert change(caller, "pro").json()["pending_change"]["plan"] == "pro"
    assert prices.known(old.pk).plan_id == "pro"


def test_the_list_compares_plans_with_the_callers(
    api: APIClient, caller: APIClient, shop: Shop
) -> None:
    shown = APIClient().get("/api/subscriptions/plans").json()["plans"]
    assert [plan["name"] for plan in shown] == ["free", "pro", "enterprise"]
    assert shown[0]["comparison"] is None

    compared = APIClient().get("/api/subscriptions/plans?compare=pro").json()["plans"]
    difference = compared[2]["comparison"]["difference"]
    assert (difference["price"], difference["monthly_tokens"]) == (18_000, 45_000_000)
    assert compared[2]["comparison"]["change"] is None

    subscribe(caller)
    mine = {
        plan["name"]: plan["comparison"]["change"]
        for plan in caller.get("/api/subscriptions/plans").json()["plans"]
    }
    assert mine["free"] == {"kind": "downgrade", "takes_effect": "period_end", "due_now": 0}
    assert mine["pro"]["kind"] == "none"
    assert mine["enterprise"]["due_now"] == pytest.approx(18_000, rel=1e-3)


def test_what_a_change_costs_who_pays_an_older_price(
    caller: APIClient, user: User, shop: Shop
) -> None:
    """What is credited is what they have paid, not what their plan costs others today."""
    subscribe(caller)
    Plan.objects.filter(pk="pro").update(price_month=5_000)
    run("seed_plans")

    shown = {
        plan["name"]: plan["comparison"]["change"]
        for plan in caller.get("/api/subscriptions/plans").json()["plans"]
    }

    assert shown["enterprise"]["due_now"] == pytest.approx(20_000 - 2_000, rel=1e-3)
    change(caller, "enterprise")
    paid = Invoice.objects.filter(subscription__user=user).values_list("paid", flat=True)
    assert sorted(paid) == [2_000, pytest.approx(shown["enterprise"]["due_now"], rel=1e-3)]


@pytest.mark.parametrize(
    ("query", "param"),
    [("compare=gold", "compare"), ("interval=week", "interval"), ("compare=%00", None)],
)
def test_invalid_queries_are_refused(query: str, param: str | None, db: None) -> None:
    answer = APIClient().get(f"/api/subscriptions/plans?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
