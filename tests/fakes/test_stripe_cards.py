"""Customers of the fake Stripe, and what becomes of their cards."""

import pytest
import stripe

from devserver.stripe.shop import Shop
from tests.fakes.stripe_process import StripeProcess


@pytest.fixture(scope="module")
def shop(fake: StripeProcess) -> Shop:
    return Shop(fake).stock()


def test_a_customer_is_found_by_email_and_metadata(shop: Shop) -> None:
    made = shop.v1.customers.create({"email": "one@example.com", "metadata": {"user": "7"}})
    shop.v1.customers.update(made.id, {"name": "One", "metadata": {"plan": "pro"}})
    found = shop.v1.customers.list({"email": "one@example.com"}).data
    assert [one.id for one in found] == [made.id]
    assert found[0].name == "One"
    assert found[0].to_dict()["metadata"] == {"user": "7", "plan": "pro"}
    query = {"query": "metadata['user']:'7'"}
    assert [one.id for one in shop.v1.customers.search(query).data] == [made.id]  # type: ignore[arg-type]


def test_a_magic_id_becomes_a_card_of_its_own(shop: Shop) -> None:
    customer = shop.customer()
    method = shop.v1.customers.payment_methods.list(customer.id).data[0]
    assert method.id.startswith("pm_")
    assert method.card
    assert (method.card.brand, method.card.last4) == ("visa", "4242")
    assert customer.to_dict()["invoice_settings"]["default_payment_method"] == method.id
    shop.v1.payment_methods.detach(method.id)
    left = shop.v1.customers.retrieve(customer.id)
    assert left.to_dict()["invoice_settings"]["default_payment_method"] is None


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ],
)
def test_a_bad_card_is_not_saved(shop: Shop, card: str, code: str, decline_code: str) -> None:
    customer = shop.customer(None)
    with pytest.raises(stripe.CardError) as refused:
        shop.v1.payment_methods.attach(card, {"customer": customer.id})
    assert refused.value.http_status == 402
    assert refused.value.code == code
    assert refused.value.error
    assert refused.value.error.decline_code == decline_code
    assert shop.v1.customers.payment_methods.list(customer.id).data == []


def test_a_card_that_can_be_saved_declines_when_charged(shop: Shop) -> None:
    customer = shop.customer("pm_card_chargeCustomerFail")
    subscription = shop.subscribe(customer)
    assert subscription.status == "incomplete"
    with pytest.raises(stripe.CardError, match="declined"):
        shop.subscribe(customer, payment_behavior="error_if_incomplete")
    assert len(shop.v1.subscriptions.list({"customer": customer.id}).data) == 1
    charge = shop.v1.charges.list({"customer": customer.id}).data[0]
    assert (charge.status, charge.failure_code) == ("failed", "card_declined")


def test_authentication_is_asked_for_and_given(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer("pm_card_authenticationRequired")
    wanted = ["latest_invoice.confirmation_secret", "latest_invoice.payments"]
    subscription = shop.subscribe(customer, expand=wanted).to_dict()
    invoice = subscription["latest_invoice"]
    assert subscription["status"] == "incomplete"
    intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
    assert invoice["confirmation_secret"]["client_secret"].startswith(f"{intent}_secret_")
    assert shop.v1.payment_intents.retrieve(intent).status == "requires_action"
    fake.authenticate(intent)
    assert shop.v1.subscriptions.retrieve(subscription["id"]).status == "active"


def test_authentication_that_fails_leaves_it_unpaid(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer("pm_card_authenticationRequired")
    given = {"amount": 500, "currency": "usd", "customer": customer.id, "confirm": True}
    method = customer.to_dict()["invoice_settings"]["default_payment_method"]
    intent = shop.v1.payment_intents.create({**given, "payment_method": method})  # type: ignore[typeddict-item]
    assert intent.status == "requires_action"
    assert fake.authenticate(intent.id, passes=False)["status"] == "requires_payment_method"


def test_a_refund_and_a_dispute_take_money_back(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer()
    shop.subscribe(customer)
    charge = shop.v1.charges.list({"customer": customer.id}).data[0]
    shop.v1.refunds.create({"charge": charge.id, "amount": 500})
    charge = shop.v1.charges.retrieve(charge.id)
    assert (charge.amount_refunded, charge.refunded) == (500, False)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        shop.v1.refunds.create({"charge": charge.id, "amount": 1501})
    dispute = fake.dispute(charge.id)
    assert (dispute["amount"], dispute["status"]) == (1500, "needs_response")
    assert shop.v1.charges.retrieve(charge.id).disputed


def test_a_subscription_needs_a_card(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        shop.subscribe(shop.customer(None))


def test_another_customers_card_is_refused(shop: Shop) -> None:
    method = shop.v1.customers.payment_methods.list(shop.customer().id).data[0]
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        shop.subscribe(shop.customer(), default_payment_method=method.id)
