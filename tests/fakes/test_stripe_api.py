"""The fake Stripe's manners: keys, parameters, pages, idempotency, failures, shapes."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import stripe

from devserver.stripe.shapes import faults_of
from devserver.stripe.shop import Shop
from tests.fakes.stripe_process import StripeProcess


@pytest.fixture(scope="module")
def shop(fake: StripeProcess) -> Shop:
    return Shop(fake).stock()


def headers_of(made: stripe.StripeObject) -> Mapping[str, str]:
    assert made.last_response
    return made.last_response.headers


def test_a_price_is_found_by_its_lookup_key(shop: Shop) -> None:
    found = shop.v1.prices.list({"lookup_keys": ["max_month"], "expand": ["data.product"]})
    [price] = found.to_dict()["data"]
    assert (price["id"], price["product"]["name"]) == (shop.max.id, "Max")
    assert price["recurring"]["interval"] == "month"
    assert shop.v1.accounts.retrieve_current().id.startswith("acct_")
    assert headers_of(found)["request-id"].startswith("req_")


def test_lists_come_in_pages(shop: Shop) -> None:
    made = [shop.v1.customers.create({"email": "p@example.com"}).id for _ in range(7)]
    page = shop.v1.customers.list({"email": "p@example.com", "limit": 3})
    assert (len(page.data), page.has_more) == (3, True)
    assert [one.id for one in page.auto_paging_iter()] == made[::-1]
    before = shop.v1.customers.list(
        {"email": "p@example.com", "ending_before": made[0], "limit": 2}
    )
    assert [one.id for one in before.data] == [made[2], made[1]]
    with pytest.raises(stripe.InvalidRequestError, match="between 1 and 100"):
        shop.v1.customers.list({"limit": 101})


def test_the_same_key_gets_the_same_answer(shop: Shop) -> None:
    options: Any = {"idempotency_key": "key-1"}
    first = shop.v1.customers.create({"email": "i@example.com"}, options)
    again = shop.v1.customers.create({"email": "i@example.com"}, options)
    assert first.id == again.id
    assert headers_of(again)["idempotent-replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        shop.v1.customers.create({"email": "other@example.com"}, options)


def test_a_decline_is_kept_under_its_key_too(shop: Shop) -> None:
    customer = shop.customer(None)
    options: Any = {"idempotency_key": "key-2"}
    for _ in range(2):
        given: Any = {"customer": customer.id}
        with pytest.raises(stripe.CardError) as refused:
            shop.v1.payment_methods.attach("pm_card_chargeDeclined", given, options)
        assert refused.value.code == "card_declined"
    assert refused.value.headers
    assert refused.value.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"emial": "a@example.com"}, "parameter_unknown"),
        ({"balance": "much"}, "parameter_invalid_integer"),
        ({"email": "nonsense"}, "email_invalid"),
        ({"payment_method": "pm_none"}, "resource_missing"),
        ({"name": "a\0b"}, None),
        ({"metadata": "text"}, None),
    ],
)
def test_bad_parameters_are_400(shop: Shop, params: Any, code: str | None) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.customers.create(params)
    assert (refused.value.http_status, refused.value.code) == (400, code)


def test_what_is_not_there_is_404(shop: Shop, fake: StripeProcess) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.v1.subscriptions.retrieve("sub_none")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    headers = {"authorization": f"Bearer {fake.api_key}"}
    answer = httpx.get(f"{fake.base_url}/v1/nonsense", headers=headers, trust_env=False)
    assert answer.status_code == 404
    assert "Unrecognized request URL" in answer.json()["error"]["message"]


def test_a_wrong_expansion_is_refused(shop: Shop) -> None:
    params: Any = {"expand": ["payment_intent"]}
    invoice = str(shop.subscribe(shop.customer()).latest_invoice)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        shop.v1.invoices.retrieve(invoice, params)


@pytest.mark.parametrize(
    "key", ["sk_live_4eC39HqLyjWDarjtT1zdp7dc", "nonsense", "pk_test_4eC39HqLyjWDarjtT1zdp7dc"]
)
def test_only_test_keys_open_it(fake: StripeProcess, key: str) -> None:
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.get(f"{fake.base_url}/v1/account", headers=headers, trust_env=False)
    assert answer.status_code == 401
    assert key not in answer.text


def test_calls_fail_on_demand(fake: StripeProcess, shop: Shop) -> None:
    fake.fail("500", path="/v1/customers")
    shop.v1.accounts.retrieve_current()
    with pytest.raises(stripe.APIError):
        shop.customer(None)
    fake.fail("429")
    with pytest.raises(stripe.RateLimitError):
        shop.customer(None)
    fake.fail("timeout")
    impatient = Shop(fake, http_client=stripe.HTTPXClient(timeout=1, allow_sync_methods=True))
    with pytest.raises(stripe.APIConnectionError):
        impatient.customer(None)


def test_a_lost_answer_was_done_all_the_same(fake: StripeProcess, shop: Shop) -> None:
    fake.fail("lost", path="/v1/customers")
    options: Any = {"idempotency_key": "key-3"}
    with pytest.raises(stripe.APIConnectionError):
        shop.v1.customers.create({"email": "lost@example.com"}, options)
    made = shop.v1.customers.create({"email": "lost@example.com"}, options)
    found = shop.v1.customers.list({"email": "lost@example.com"}).data
    assert [one.id for one in found] == [made.id]


def test_each_object_has_the_shape_that_the_package_knows(fake: StripeProcess, shop: Shop) -> None:
    customer = shop.customer("pm_card_chargeCustomerFail")
    shop.subscribe(customer)
    subscription = shop.subscribe(shop.customer())
    shop.switch(subscription, shop.max)
    shop.v1.subscription_schedules.create({"from_subscription": subscription.id})
    charge = shop.v1.charges.list({}).data[0].id
    shop.v1.refunds.create({"charge": charge, "amount": 100})
    fake.dispute(charge)
    shop.v1.setup_intents.create({"payment_method": "pm_card_visa", "confirm": True})
    assert faults_of(shop.client) == []
