"""Changing the plan: up at once, with money and tokens; down, and off, at the period's end."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from billing.models import Invoice, Plan, Subscription
from billing.stripe import gateway
from tests.billing.shop import (
    ENTERPRISE,
    FREE,
    PRO,
    Shop,
    change,
    current,
    post,
    standing,
    subscribe,
    tokens,
)
from tests.factories import UserFactory
from tokens.models import Balance


@pytest.fixture(autouse=True)
def _subscribed(caller: APIClient, shop: Shop) -> None:
    assert subscribe(caller).status_code == 201
    shop.take()


def test_an_upgrade_takes_effect_and_is_charged_at_once(
    caller: APIClient, user: User, shop: Shop
) -> None:
    """Up in the middle of the period: the difference in money for the rest, and in tokens."""
    answer = change(caller, "enterprise")

    assert answer.status_code == 200, answer.json()
    assert answer.json()["plan"] == "enterprise"
    upgrade = Invoice.objects.filter(subscription__user=user).first()
    assert upgrade
    assert upgrade.paid == 20_000 - 2_000  # nothing of the period has passed
    assert tokens(user) == pytest.approx(ENTERPRISE, rel=1e-3)
    shown = standing(user)
    shop.deliver()
    assert standing(user) == shown


def test_an_upgrade_half_way_is_prorated(caller: APIClient, user: User, shop: Shop) -> None:
    half = Balance.objects.get(user=user)
    period = half.period_end - half.period_start
    shop.advance(days=period / timedelta(days=2))
    half.period_start -= period
    half.save()  # for the ledger as for Stripe, half of the period is over

    assert change(caller, "enterprise").status_code == 200

    upgrade = Invoice.objects.filter(subscription__user=user).first()
    assert upgrade
    assert upgrade.paid == pytest.approx((20_000 - 2_000) / 2, rel=0.05)
    assert tokens(user) == pytest.approx(PRO + (ENTERPRISE - PRO) / 2, rel=0.05)


def test_the_same_plan_or_none(caller: APIClient) -> None:
    answer = change(caller, "pro")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "same_plan")
    for plan in ("gold", "", "pro\0", None, 7):
        answer = caller.put("/api/subscriptions/upgrade", {"plan": plan}, format="json")
        assert answer.status_code == 400, plan
        assert answer.json()["error"]["param"] == "plan"


def test_a_declined_upgrade_changes_nothing(caller: APIClient, user: User, shop: Shop) -> None:
    before = current(caller)
    customer = user.billing_customer.stripe_id
    card = shop.card_of(customer)
    shop.fake.decline(card, "insufficient_funds")

    declined = change(caller, "enterprise")

    assert declined.status_code == 402
    error = declined.json()["error"]
    assert (error["code"], error["decline_code"]) == ("card_declined", "insufficient_funds")
    assert current(caller) == before
    assert tokens(user) == PRO
    shop.deliver()
    assert current(caller) == before

    shop.fake.decline(card, None)
    answer = change(caller, "enterprise")
    assert answer.json().get("plan") == "enterprise", answer.json()


@pytest.mark.parametrize("before", ["cancelled", "going down"])
def test_a_declined_upgrade_leaves_what_is_to_come(
    caller: APIClient, user: User, shop: Shop, before: str
) -> None:
    """Who has cancelled is not charged on and on because they once tried to have more."""
    if before == "cancelled":
        post(caller, "cancel")
    else:
        change(caller, "pro", interval="year")
        change(caller, "pro", interval="month")
    shown = current(caller)
    shop.fake.decline(shop.card_of(user.billing_customer.stripe_id))

    assert change(caller, "enterprise").status_code == 402
    assert current(caller) == shown

    shop.fake.decline(shop.card_of(user.billing_customer.stripe_id), None)
    assert change(caller, "enterprise").json()["pending_change"] is None
    assert current(caller)["cancel_at_period_end"] is False


def test_a_period_that_is_not_paid_for_is_not_credited(
    caller: APIClient, user: User, shop: Shop
) -> None:
    card = shop.card_of(user.billing_customer.stripe_id)
    shop.fake.decline(card)
    shop.advance(days=32)
    shop.deliver()
    shop.fake.decline(card, None)

    for plan, interval in (("enterprise", "month"), ("pro", "year")):
        error = change(caller, plan, interval=interval).json()["error"]
        assert error["code"] == "payment_due"
        owed = Invoice.objects.filter(subscription__user=user, status="open").get()
        assert error["pay_at"] == owed.hosted_url

    gateway._v1().invoices.pay(owed.pk)
    shop.deliver()
    assert change(caller, "enterprise").status_code == 200


def test_a_failure_at_stripe_is_not_repeated(caller: APIClient, shop: Shop) -> None:
    """Stripe answers the same failure to the same idempotency key for a day."""
    for what in ("cancel", "resume", "upgrade"):
        shop.fake.fail("broken", path="/v1/subscriptions/", method="POST")
        answers = [
            change(caller, "enterprise") if what == "upgrade" else post(caller, what)
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [503, 200], what


def test_down_at_the_end_of_the_period(caller: APIClient, user: User, shop: Shop) -> None:
    change(caller, "enterprise")

    answer = change(caller, "pro")

    assert answer.status_code == 200, answer.json()
    body = answer.json()
    assert body["plan"] == "enterprise"
    assert body["pending_change"] == {
        "plan": "pro",
        "interval": "month",
        "at": body["current_period_end"],
    }
    assert change(caller, "pro").json()["error"]["code"] == "same_plan"
    assert tokens(user) == pytest.approx(ENTERPRISE, rel=1e-3)

    shop.advance(days=32)
    shop.deliver()

    assert current(caller)["plan"] == "pro"
    assert current(caller)["pending_change"] is None
    assert tokens(user) == PRO
    last = Invoice.objects.filter(subscription__user=user).first()
    assert last
    assert (last.status, last.paid) == ("paid", 2_000)


def test_thinking_better_of_going_down(caller: APIClient, user: User, shop: Shop) -> None:
    change(caller, "enterprise")
    change(caller, "pro")

    answer = change(caller, "enterprise")

    assert answer.json()["pending_change"] is None
    assert Invoice.objects.filter(subscription__user=user).count() == 2


def test_from_year_to_month(caller: APIClient, user: User, shop: Shop) -> None:
    shop.advance(days=1)
    assert change(caller, "pro", interval="year").json()["interval"] == "year"
    assert tokens(user) == PRO
    assert Balance.objects.get(user=user).renews_by == "schedule"

    assert change(caller, "pro", interval="month").json()["pending_change"]["interval"] == "month"


def test_a_discount_outlives_a_smaller_plan(caller: APIClient, user: User, shop: Shop) -> None:
    api = gateway._v1()
    change(caller, "enterprise")
    coupon = api.coupons.create({"percent_off": 25, "duration": "forever"})
    row = Subscription.objects.get(user=user)
    api.subscriptions.update(row.stripe_id, {"discounts": [{"coupon": coupon.id}]})

    change(caller, "pro")
    for _ in range(2):
        shop.advance(days=32)
        shop.deliver()

    paid = Invoice.objects.filter(subscription=row).values_list("paid", flat=True)
    assert list(paid[:2]) == [1_500, 1_500]


def test_a_trial_goes_on_when_a_smaller_plan_is_to_come(
    caller: APIClient, user: User, shop: Shop
) -> None:
    post(caller, "cancel", now=True)
    Subscription.objects.update(user=UserFactory.create())  # a trial is for the first one only
    Plan.objects.filter(pk="enterprise").update(trial_days=7)
    assert subscribe(caller, plan="enterprise").json()["status"] == "trialing"

    assert change(caller, "pro").json()["status"] == "trialing"
    shop.deliver()
    assert current(caller)["status"] == "trialing"

    shop.advance(days=8)
    shop.deliver()
    assert (current(caller)["plan"], current(caller)["status"]) == ("pro", "active")
    assert Invoice.objects.filter(subscription__user=user).first().paid == 2_000  # type: ignore[union-attr]


def test_cancel_and_resume(caller: APIClient, user: User, shop: Shop) -> None:
    cancelled = post(caller, "cancel")
    assert cancelled.status_code == 200
    assert cancelled.json()["cancel_at_period_end"] is True
    assert cancelled.json()["pending_change"]["plan"] == "free"
    assert post(caller, "cancel").json() == cancelled.json()

    assert post(caller, "resume").json()["cancel_at_period_end"] is False
    assert post(caller, "resume").json()["pending_change"] is None

    post(caller, "cancel")
    shop.advance(days=32)
    shop.deliver()

    assert current(caller)["status"] == "none"
    assert current(caller)["plan"] == "free"
    assert tokens(user) == pytest.approx(FREE, rel=1e-3)
    assert post(caller, "cancel").json()["error"]["code"] == "not_subscribed"


def test_the_free_plan_is_a_cancellation(caller: APIClient, shop: Shop) -> None:
    """The price list says of it what it says of every smaller plan: when the period ends."""
    answer = change(caller, "free")

    assert answer.status_code == 200, answer.json()
    assert answer.json()["cancel_at_period_end"] is True
    assert answer.json()["pending_change"]["plan"] == "free"
    assert change(caller, "free").json()["error"]["code"] == "same_plan"

    assert change(caller, "pro").json()["pending_change"] is None


def test_canceling_now_ends_the_plan_at_once(caller: APIClient, user: User, shop: Shop) -> None:
    answer = post(caller, "cancel", now=True)

    assert (answer.json()["plan"], answer.json()["status"]) == ("free", "none")
    assert tokens(user) == pytest.approx(FREE, rel=1e-3)
    assert Subscription.objects.get(user=user).status == "canceled"

    assert subscribe(caller, plan="enterprise").status_code == 201
    assert tokens(user) == ENTERPRISE
