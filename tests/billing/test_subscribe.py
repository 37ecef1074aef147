"""Subscribing with a card."""

from rest_framework.test import APIClient

from accounts.models import User
from tests.billing.shop import PRO, Shop, current, subscribe, tokens


def test_it_works(caller: APIClient, user: User, shop: Shop) -> None:
    answer = subscribe(caller)

    assert answer.status_code == 201, answer.json()
    assert answer.json()["plan"] == "pro"
    assert answer.json()["status"] == "active"
    assert answer.json()["checkout_url"] is answer.json()["client_secret"] is None
    assert tokens(user) == PRO
    assert set(shop.deliver()) == {200}
    assert tokens(user) == PRO
    assert current(caller)["status"] == "active"
