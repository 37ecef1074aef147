"""The fake Stripe's pages, as a browser uses them: checkout, portal, invoices."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stripe

from devserver.stripe.shop import Shop
from tests.fakes.stripe_process import StripeProcess

DONE = "http://shop.example/done?session={CHECKOUT_SESSION_ID}"


@pytest.fixture(scope="module")
def shop(fake: StripeProcess) -> Shop:
    return Shop(fake).stock()


@pytest.fixture(scope="module")
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


def card(number: str = "4242 4242 4242 4242", **more: str) -> dict[str, str]:
    fields = {"cardNumber": number, "cardExpiry": "12 / 34", "cardCvc": "123"}
    return {**fields, "billingName": "A <b>", **more}


def checkout(shop: Shop, customer: stripe.Customer | None, **more: Any) -> stripe.checkout.Session:
    params: Any = {
        "mode": "subscription",
        "line_items": [{"price": shop.pro.id, "quantity": 1}],
        "success_url": DONE,
        "cancel_url": "http://shop.example/back",
        **({"customer": customer.id} if customer else {}),
        **more,
    }
    return shop.v1.checkout.sessions.create(params)


def test_paying_on_the_checkout_page_creates_the_subscription(
    shop: Shop, browser: httpx.Client
) -> None:
    customer = shop.customer(None)
    data = {"metadata": {"plan": "pro"}}
    session = checkout(shop, customer, client_reference_id="7", subscription_data=data)
    assert session.url
    page = browser.get(session.url)
    assert "$20.00 per month" in page.text
    assert "http://shop.example/back" in page.text
    answer = browser.post(session.url, data=card(action="pay"))
    assert answer.status_code == 303
    assert answer.headers["location"] == DONE.replace("{CHECKOUT_SESSION_ID}", session.id)
    done = shop.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["subscription", "line_items"]}
    )
    assert (done.status, done.payment_status, done.client_reference_id) == ("complete", "paid", "7")
    shown = done.to_dict()
    assert shown["subscription"]["status"] == "active"
    assert shown["subscription"]["metadata"] == {"plan": "pro"}
    assert shown["line_items"]["data"][0]["price"]["id"] == shop.pro.id
    assert browser.post(session.url, data=card(action="pay")).status_code == 410
    assert len(shop.v1.subscriptions.list({"customer": customer.id}).data) == 1


def test_a_decline_is_told_and_another_card_pays(shop: Shop, browser: httpx.Client) -> None:
    customer = shop.customer(None)
    url = str(checkout(shop, customer).url)
    for number, words in (
        ("4000 0000 0000 0002", "Your card was declined."),
        ("4000 0000 0000 9995", "insufficient funds"),
        ("4000 0000 0000 0341", "Your card was declined."),
        ("4242 4242 4242 4241", "number is incorrect"),
        ("4111 1111 1111 1111", "non test card"),
    ):
        answer = browser.post(url, data=card(number, action="pay"))
        assert answer.status_code == 402
        assert words in answer.text
    assert not shop.v1.subscriptions.list({"customer": customer.id, "status": "all"}).data
    assert browser.post(url, data=card(action="pay")).status_code == 303


def test_the_bank_asks_first(shop: Shop, browser: httpx.Client) -> None:
    url = str(checkout(shop, None).url)
    fields = card("4000 0027 6000 3184", action="pay", email="new@example.com")
    page = browser.post(url, data=fields).text
    method = re.search(r'name="method" value="(pm_\w+)"', page)
    assert method
    failed = browser.post(f"{url}/authenticate", data={"method": method[1], "passes": "0"})
    assert "unable to authenticate" in failed.text
    passed = browser.post(f"{url}/authenticate", data={"method": method[1], "passes": "1"})
    assert passed.status_code == 303
    made = shop.v1.customers.list({"email": "new@example.com"}).data[0]
    assert shop.v1.subscriptions.list({"customer": made.id}).data[0].status == "active"


def test_a_promotion_code_makes_it_cheaper(shop: Shop, browser: httpx.Client) -> None:
    coupon = shop.v1.coupons.create({"percent_off": 25, "duration": "once"})
    promotion: Any = {"type": "coupon", "coupon": coupon.id}
    shop.v1.promotion_codes.create({"code": "HELLO", "promotion": promotion})
    customer = shop.customer(None)
    url = str(checkout(shop, customer, allow_promotion_codes=True).url)
    wrong = browser.post(url, data={"action": "promotion", "promotionCode": "NOPE"})
    assert "This code is invalid." in wrong.text
    assert (
        "$15.00" in browser.post(url, data={"action": "promotion", "promotionCode": "hello"}).text
    )
    browser.post(url, data=card(action="pay"))
    assert shop.totals(customer) == [(1500, "paid")]


def test_an_expired_session_is_over(shop: Shop, browser: httpx.Client) -> None:
    session = checkout(shop, shop.customer(None))
    shop.v1.checkout.sessions.expire(session.id)
    assert browser.get(str(session.url)).status_code == 410
    assert browser.post(str(session.url), data=card(action="pay")).status_code == 410


def test_the_portal_cancels_resumes_and_takes_a_card(shop: Shop, browser: httpx.Client) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer)
    given: Any = {"customer": customer.id, "return_url": "http://shop.example/billing"}
    url = shop.v1.billing_portal.sessions.create(given).url
    assert "http://shop.example/billing" in browser.get(url).text
    for action, ends in (("cancel", True), ("resume", False)):
        data = {"action": action, "subscription": subscription.id}
        assert browser.post(url, data=data).status_code == 303
        kept = shop.v1.subscriptions.retrieve(subscription.id)
        assert kept.cancel_at_period_end is ends
    assert browser.post(url, data=card("5555555555554444", action="card")).status_code == 303
    settings = shop.v1.customers.retrieve(customer.id).to_dict()["invoice_settings"]
    method = shop.v1.payment_methods.retrieve(settings["default_payment_method"])
    assert method.card
    assert method.card.brand == "mastercard"


def test_the_portal_of_one_cannot_touch_another(shop: Shop, browser: httpx.Client) -> None:
    other = shop.subscribe(shop.customer())
    given: Any = {"customer": shop.customer().id}
    url = shop.v1.billing_portal.sessions.create(given).url
    browser.post(url, data={"action": "cancel", "subscription": other.id})
    assert not shop.v1.subscriptions.retrieve(other.id).cancel_at_period_end


def test_an_open_invoice_can_be_paid(shop: Shop, browser: httpx.Client) -> None:
    customer = shop.customer(None)
    subscription = shop.subscribe(customer, payment_behavior="default_incomplete")
    url = shop.v1.invoices.retrieve(str(subscription.latest_invoice)).hosted_invoice_url
    assert url
    assert browser.post(url, data=card("4000000000000341")).status_code == 402
    assert browser.post(url, data=card()).status_code == 303
    assert "paid" in browser.get(url).text
    assert shop.v1.subscriptions.retrieve(subscription.id).status == "active"


def test_the_first_page_lists_the_test_cards(fake: StripeProcess, browser: httpx.Client) -> None:
    page = browser.get(f"{fake.base_url}/")
    assert "4242 4242 4242 4242" in page.text
    assert browser.get(f"{fake.base_url}/nothing").status_code == 404
