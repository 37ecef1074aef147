"""What the fake Stripe bills for a change in the midst of a period. Worked out by hand."""

from typing import Any

import pytest
import stripe

from devserver.stripe.shop import Shop
from tests.fakes.stripe_process import StripeProcess


@pytest.fixture
def shop(fake: StripeProcess) -> Shop:
    fake.reset(keep_endpoints=False)
    return Shop(fake).stock()


def at_a_quarter(subscription: stripe.Subscription) -> dict[str, Any]:
    """Return the parameters of a change with three quarters of the period left."""
    item = subscription["items"].data[0]
    length = item.current_period_end - item.current_period_start
    assert length % 4 == 0
    moment = item.current_period_start + length // 4
    return {"proration_date": moment}


def amounts(invoice: stripe.Invoice) -> list[int]:
    return [line.amount for line in invoice.lines.data]


def test_an_upgrade_is_prorated_to_the_second(shop: Shop) -> None:
    """Of 20.00 three quarters come back, 15.00; of 80.00 they cost 60.00: 45.00 to pay."""
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    given = {**at_a_quarter(subscription), "proration_behavior": "always_invoice"}
    changed = shop.switch(subscription, shop.max, **given)
    invoice = shop.v1.invoices.retrieve(str(changed.latest_invoice))
    assert amounts(invoice) == [-1500, 6000]
    assert (invoice.total, invoice.status) == (4500, "paid")
    assert invoice.billing_reason == "subscription_update"
    line = invoice.lines.data[0].to_dict()
    assert line["parent"]["subscription_item_details"]["proration"] is True
    assert line["description"].startswith("Unused time on Pro after ")
    before = subscription["items"].data[0].current_period_end
    assert changed["items"].data[0].current_period_end == before


def test_a_preview_says_the_same_and_changes_nothing(shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    items = [{"id": subscription["items"].data[0].id, "price": shop.max.id}]
    given = {**at_a_quarter(subscription), "proration_behavior": "always_invoice", "items": items}
    params: Any = {"subscription": subscription.id, "subscription_details": given}
    preview = shop.v1.invoices.create_preview(params)
    assert (preview.total, amounts(preview)) == (4500, [-1500, 6000])
    assert shop.totals(customer) == [(2000, "paid")]
    kept = shop.v1.subscriptions.retrieve(subscription.id)
    assert kept["items"].data[0].price.id == shop.pro.id


def test_each_second_counts_and_cents_are_rounded(shop: Shop) -> None:
    """Nine ten-thousandths of 20.00 are 1.8 cents, of 80.00 they are 7.2."""
    subscription = shop.subscribe(shop.customer())
    item = subscription["items"].data[0]
    left = (item.current_period_end - item.current_period_start) * 9 // 10_000
    moment = item.current_period_end - left
    given = {"proration_date": moment, "proration_behavior": "always_invoice"}
    changed = shop.switch(subscription, shop.max, **given)
    assert amounts(shop.v1.invoices.retrieve(str(changed.latest_invoice))) == [-2, 7]


def test_later_means_with_the_next_invoice(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    shop.switch(subscription, shop.max, **at_a_quarter(subscription))
    assert shop.totals(customer) == [(2000, "paid")]
    fake.advance(days=32)
    newest = shop.v1.invoices.list({"customer": customer.id}).data[0]
    assert amounts(newest) == [-1500, 6000, 8000]
    assert newest.status == "paid"


def test_none_means_none(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer()
    shop.switch(shop.subscribe(customer), shop.max, proration_behavior="none")
    fake.advance(days=32)
    assert shop.totals(customer) == [(2000, "paid"), (8000, "paid")]


def test_another_interval_begins_a_new_period(shop: Shop) -> None:
    """A year costs 200.00, less the 15.00 that are left of the month."""
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    changed = shop.switch(subscription, shop.year, **at_a_quarter(subscription))
    assert shop.totals(customer) == [(2000, "paid"), (18500, "paid")]
    item = changed["items"].data[0]
    assert item.current_period_end - item.current_period_start >= 365 * 86400
    assert changed.billing_cycle_anchor == item.current_period_start


def test_what_comes_back_goes_to_the_balance(shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer, shop.max)
    given = {**at_a_quarter(subscription), "proration_behavior": "always_invoice"}
    shop.switch(subscription, shop.pro, **given)
    assert shop.totals(customer) == [(8000, "paid"), (-4500, "paid")]
    assert shop.v1.customers.retrieve(customer.id).balance == -4500


def test_a_coupon_takes_its_share_of_both(shop: Shop) -> None:
    coupon = shop.v1.coupons.create({"percent_off": 50, "duration": "forever"})
    customer = shop.customer()
    subscription = shop.subscribe(customer, discounts=[{"coupon": coupon.id}])
    given = {**at_a_quarter(subscription), "proration_behavior": "always_invoice"}
    shop.switch(subscription, shop.max, **given)
    assert shop.totals(customer) == [(1000, "paid"), (2250, "paid")]


def test_a_declined_upgrade_changes_nothing(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    fake.decline(customer.to_dict()["invoice_settings"]["default_payment_method"])
    given = {"proration_behavior": "always_invoice", "payment_behavior": "error_if_incomplete"}
    with pytest.raises(stripe.CardError):
        shop.switch(subscription, shop.max, **given)
    kept = shop.v1.subscriptions.retrieve(subscription.id)
    assert (kept.status, kept["items"].data[0].price.id) == ("active", shop.pro.id)
    assert shop.totals(customer) == [(2000, "paid")]


def test_a_pending_update_waits_for_its_payment(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    card = customer.to_dict()["invoice_settings"]["default_payment_method"]
    fake.decline(card)
    given = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    waiting = shop.switch(subscription, shop.max, **given)
    assert waiting.pending_update
    assert waiting["items"].data[0].price.id == shop.pro.id
    assert waiting.status == "active"
    fake.decline(card, None)
    shop.v1.invoices.pay(str(waiting.latest_invoice))
    applied = shop.v1.subscriptions.retrieve(subscription.id)
    assert applied.pending_update is None
    assert applied["items"].data[0].price.id == shop.max.id
