"""Cards that are declined: a clear answer with Stripe's code, and nothing is changed."""

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from billing.metrics import PAYMENTS
from billing.models import Subscription
from billing.stripe import gateway
from tests.billing.shop import FREE, PRO, Shop, current, subscribe, tokens


@pytest.mark.parametrize(
    ("card", "decline_code"),
    [
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),  # at once
        ("pm_card_chargeCustomerFail", "generic_decline"),  # when it is charged
    ],
)
def test_a_declined_card_changes_nothing(
    caller: APIClient, user: User, shop: Shop, card: str, decline_code: str
) -> None:
    before = PAYMENTS.labels("declined")._value.get()
    answer = subscribe(caller, payment_method=card)

    assert answer.status_code == 402, answer.json()
    error = answer.json()["error"]
    assert (error["code"], error["decline_code"]) == ("card_declined", decline_code)
    assert error["type"] == "card_error"
    assert PAYMENTS.labels("declined")._value.get() == before + 1
    shop.deliver()
    assert current(caller)["status"] == "none"
    assert tokens(user) == FREE
    assert not Subscription.objects.filter(user=user, ended_at=None).exists()

    assert subscribe(caller).status_code == 201
    assert tokens(user) == PRO


def test_a_bank_that_asks_the_payer(caller: APIClient, user: User, shop: Shop) -> None:
    answer = subscribe(caller, payment_method="pm_card_authenticationRequired")

    assert answer.status_code == 201, answer.json()
    assert answer.json()["status"] == "incomplete"
    intent, _, _ = answer.json()["client_secret"].partition("_secret_")
    assert tokens(user) == FREE

    shop.take()
    shop.fake.authenticate(intent)
    assert set(shop.deliver()) == {200}

    assert current(caller)["status"] == "active"
    assert tokens(user) == PRO


def test_a_payer_who_starts_again(caller: APIClient, user: User, shop: Shop) -> None:
    subscribe(caller, payment_method="pm_card_authenticationRequired")

    assert subscribe(caller).status_code == 201

    assert tokens(user) == PRO
    alive = gateway.subscriptions_of(user.billing_customer.stripe_id)
    assert [one["status"] for one in alive].count("active") == 1


def test_no_such_card(caller: APIClient) -> None:
    answer = subscribe(caller, payment_method="pm_nothing")

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "payment_method"
