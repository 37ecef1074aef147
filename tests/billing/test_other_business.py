"""The account at Stripe may sell other things: their events are taken, and change nothing here."""

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from billing.events import webhooks
from billing.models import StripeEvent, Subscription
from billing.pricing import prices
from billing.stripe import customers, gateway
from billing.stripe.events import Event
from tests.billing.commands import run
from tests.billing.shop import PRO, Shop, current, subscribe, tokens


@pytest.fixture
def mug(shop: Shop) -> str:
    """The price of something that is no plan of ours, by the month."""
    made = gateway._v1().prices.create(
        {
            "currency": "usd",
            "unit_amount": 500,
            "recurring": {"interval": "month"},
            "product_data": {"name": "A mug"},
        }
    )
    return str(made.id)


def bill(customer: str, price: str) -> Any:
    card = gateway._v1().payment_methods.attach("pm_card_visa", {"customer": customer}).id
    wanted = {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    return gateway._v1().subscriptions.create(wanted)


def test_events_of_other_products_are_accepted_and_ignored(shop: Shop, mug: str) -> None:
    """A subscription of nobody here; a refund of it too."""
    stranger = gateway._v1().customers.create({"email": "stranger@example.com"}).id
    sold = bill(stranger, mug)
    charge = gateway._v1().charges.list({"customer": stranger}).data[0].id
    gateway._v1().refunds.create({"charge": charge})

    assert set(shop.deliver()) == {200}
    assert not Subscription.objects.exists()
    assert f"{sold.id}: is nobody's here" in run("sync_stripe")


def test_a_user_buys_something_else(caller: APIClient, user: User, shop: Shop, mug: str) -> None:
    subscribe(caller)
    bill(user.billing_customer.stripe_id, mug)

    assert set(shop.deliver()) == {200}
    assert (current(caller)["plan"], tokens(user)) == ("pro", PRO)
    assert Subscription.objects.count() == 1


def test_a_price_that_staff_made_at_stripe(caller: APIClient, user: User, shop: Shop) -> None:
    """It belongs to the plan of its product."""
    subscribe(caller)
    row = Subscription.objects.select_related("plan").get()
    special = {
        "product": row.plan.stripe_product,
        "currency": "usd",
        "unit_amount": 1_500,
        "recurring": {"interval": "month"},
    }
    price = gateway._v1().prices.create(special).id
    item = gateway.subscription(str(row.stripe_id))["items"]["data"][0]["id"]
    gateway._v1().subscriptions.update(row.stripe_id, {"items": [{"id": item, "price": price}]})

    assert set(shop.deliver()) == {200}
    assert current(caller)["plan"] == "pro"


def test_events_that_fail_for_ever_do_not_hold_up_others(caller: APIClient, shop: Shop) -> None:
    subscribe(caller)
    event, *_ = shop.take()
    shop.fake.fail("500", times=30, path="/v1/subscriptions/sub_poison")
    poison = {"id": "sub_poison", "object": "subscription"}
    for number in range(2):
        kind, now = "customer.subscription.updated", timezone.now()
        webhooks.store(Event(f"evt_poison_{number}", kind, now, poison))
    assert webhooks.retry_failed(at_most=2) == 0
    StripeEvent.objects.update(received_at="2020-01-01T00:00:00Z")
    shop.fake.fail("500", times=3)
    assert shop.tell(event).status_code == 503

    assert webhooks.retry_failed(at_most=1) + webhooks.retry_failed(at_most=2) == 1


def test_a_plan_that_is_sold_beside_something_else(
    caller: APIClient, user: User, shop: Shop, mug: str
) -> None:
    """The first item of the subscription is the other product; the plan is found all the same."""
    customer = customers.ensure(user)
    card = gateway._v1().payment_methods.attach("pm_card_visa", {"customer": customer}).id
    items = [{"price": mug}, {"price": prices.for_sale("pro", "month").pk}]
    wanted = {"customer": customer, "items": items, "default_payment_method": card}
    gateway._v1().subscriptions.create(wanted)

    assert set(shop.deliver()) == {200}
    assert (current(caller)["plan"], tokens(user)) == ("pro", PRO)
