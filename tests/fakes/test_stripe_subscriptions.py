"""A subscription's life at the fake Stripe, by its clock."""

from pathlib import Path

import pytest
import stripe

from devserver.stripe.shop import Shop
from tests.fakes.stripe_process import StripeProcess


@pytest.fixture
def shop(fake: StripeProcess) -> Shop:
    fake.reset(keep_endpoints=False)
    return Shop(fake).stock()


def card_of(customer: stripe.Customer) -> str:
    ident: str = customer.to_dict()["invoice_settings"]["default_payment_method"]
    return ident


def test_a_subscription_renews_at_its_period_end(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    assert subscription.status == "active"
    assert "current_period_end" not in subscription.to_dict()
    end = subscription["items"].data[0].current_period_end
    invoice = shop.v1.invoices.retrieve(str(subscription.latest_invoice)).to_dict()
    assert invoice["parent"]["subscription_details"]["subscription"] == subscription.id
    fake.advance(to=end + 60)
    newest = shop.v1.invoices.list({"customer": customer.id}).data[0]
    assert (newest.status, newest.billing_reason) == ("draft", "subscription_cycle")
    fake.advance(hours=1)
    assert shop.totals(customer) == [(2000, "paid"), (2000, "paid")]
    fake.advance(days=367)  # a leap day, and a day for the shortest month
    assert shop.totals(customer) == [(2000, "paid")] * 14


def test_a_renewal_that_declines_is_retried_and_then_the_end(
    fake: StripeProcess, shop: Shop
) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    fake.decline(card_of(customer), "insufficient_funds")
    fake.advance(to=subscription["items"].data[0].current_period_end)
    fake.advance(hours=1.1)
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    invoice = shop.v1.invoices.list({"customer": customer.id}).data[0]
    assert (invoice.status, invoice.attempt_count) == ("open", 1)
    fake.advance(days=9)
    assert shop.v1.invoices.retrieve(invoice.id).attempt_count == 3
    fake.advance(days=7)
    ended = shop.v1.subscriptions.retrieve(subscription.id).to_dict()
    assert ended["status"] == "canceled"
    assert ended["cancellation_details"]["reason"] == "payment_failed"


def test_a_good_card_recovers_it(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    fake.decline(card_of(customer))
    fake.advance(to=subscription["items"].data[0].current_period_end)
    fake.advance(days=1)
    fake.decline(card_of(customer), None)
    fake.advance(days=4)
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert shop.totals(customer) == [(2000, "paid"), (2000, "paid")]


def test_after_the_retries_it_may_be_unpaid(fake: StripeProcess, shop: Shop) -> None:
    fake.settings(after_retries="unpaid", retry_days=[1])
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    fake.decline(card_of(customer))
    fake.advance(days=33)
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "unpaid"


def test_cancelled_at_the_periods_end_and_resumed(fake: StripeProcess, shop: Shop) -> None:
    subscription = shop.subscribe(shop.customer())
    end = subscription["items"].data[0].current_period_end
    planned = shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (planned.status, planned.cancel_at) == ("active", end)
    resumed = shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert resumed.cancel_at is None
    shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    fake.advance(to=end)
    over = shop.v1.subscriptions.retrieve(subscription.id)
    assert over.status == "canceled"
    assert over.ended_at
    assert end <= over.ended_at < end + 60
    with pytest.raises(stripe.InvalidRequestError, match="canceled subscription"):
        shop.switch(over, shop.max)


def test_a_trial_warns_and_then_costs(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer, trial_period_days=14)
    assert subscription.status == "trialing"
    assert shop.totals(customer) == [(0, "paid")]
    kind = "customer.subscription.trial_will_end"
    assert not shop.v1.events.list({"type": kind}).data
    fake.advance(days=11.01)
    assert len(shop.v1.events.list({"type": kind}).data) == 1
    fake.advance(days=3.1)
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert shop.totals(customer) == [(0, "paid"), (2000, "paid")]


def test_a_schedule_changes_the_plan_at_the_periods_end(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer, shop.max)
    schedule = shop.v1.subscription_schedules.create({"from_subscription": subscription.id})
    now = schedule.phases[0]
    shop.v1.subscription_schedules.update(
        schedule.id,
        {
            "end_behavior": "release",
            "phases": [
                {
                    "items": [{"price": shop.max.id}],
                    "start_date": now.start_date,
                    "end_date": now.end_date,
                },
                {"items": [{"price": shop.pro.id}]},
            ],
        },
    )
    with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
        shop.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    fake.advance(days=32)
    changed = shop.v1.subscriptions.retrieve(subscription.id)
    assert changed["items"].data[0].price.id == shop.pro.id
    assert changed["items"].data[0].id == subscription["items"].data[0].id
    fake.advance(days=32)
    assert shop.v1.subscriptions.retrieve(subscription.id).schedule is None
    assert shop.totals(customer) == [(8000, "paid"), (2000, "paid"), (2000, "paid")]


def test_a_subscription_nobody_pays_for_expires(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer, payment_behavior="default_incomplete")
    assert subscription.status == "incomplete"
    fake.advance(hours=23.1)
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "incomplete_expired"
    assert shop.totals(customer) == [(2000, "void")]


def test_what_was_written_survives_a_crash(tmp_path: Path) -> None:
    with StripeProcess(state=tmp_path / "stripe.json") as fake:
        shop = Shop(fake).stock()
        customer = shop.customer()
        subscription = shop.subscribe(customer)
        fake.advance(days=10)
        fake.kill()
        fake.start()
        assert shop.v1.subscriptions.retrieve(subscription.id).status == "active"
        fake.advance(days=22)
        assert shop.totals(customer) == [(2000, "paid"), (2000, "paid")]
