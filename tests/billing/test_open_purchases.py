"""Purchases of which nothing comes: repeated clicks, lost pages, and buyers who leave."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.flows import deletion
from accounts.models import User
from billing import tasks
from billing.models import Pack, TopUp
from billing.stripe import gateway
from billing.topups import buying
from tests.billing import checkout
from tests.billing.shop import Shop
from tests.billing.test_buying_tokens import PAGES, client, pack
from tests.factories import UserFactory
from tokens.ledger import open_account

__all__ = ["pack"]  # a fixture
pytestmark = pytest.mark.django_db(transaction=True)


def age() -> None:
    TopUp.objects.update(created_at=timezone.now() - timedelta(minutes=20))


def test_repeated_clicks_open_one_page(user: User, pack: Pack) -> None:
    pages = {buying.buy(user, pack=pack.pk, pages=PAGES) for _ in range(3)}
    assert len(pages) == TopUp.objects.count() == 1
    other: User = UserFactory.create()
    assert buying.buy(other, pack=pack.pk, pages=PAGES) not in pages


def test_another_offer_is_another_page(user: User, pack: Pack) -> None:
    first = buying.buy(user, pack=pack.pk, pages=PAGES)
    Pack.objects.filter(pk=pack.pk).update(price=pack.price + 1)
    assert buying.buy(user, pack=pack.pk, pages=PAGES) != first


@pytest.mark.parametrize("over", ["paid", "expired"])
def test_a_page_that_is_over_is_not_opened_again(
    user: User, pack: Pack, shop: Shop, over: str
) -> None:
    first = buying.buy(user, pack=pack.pk, pages=PAGES)
    if over == "paid":
        checkout.pay(first)
    else:
        client().v1.checkout.sessions.expire(TopUp.objects.get().checkout_id)
    assert buying.buy(user, pack=pack.pk, pages=PAGES) != first


def test_a_page_that_stripe_does_not_know_is_given_up(user: User, pack: Pack) -> None:
    buying.buy(user, pack=pack.pk, pages=PAGES)
    TopUp.objects.update(checkout_id="cs_of_another_account")
    assert buying.buy(user, pack=pack.pk, pages=PAGES)
    age()
    buying.settle_overdue()
    assert TopUp.objects.get(checkout_id="cs_of_another_account").status == "expired"


def test_a_failure_keeps_no_other_purchase_waiting(user: User, pack: Pack, shop: Shop) -> None:
    other: User = UserFactory.create()
    for buyer in (user, other):
        checkout.pay(buying.buy(buyer, pack=pack.pk, pages=PAGES))
    age()
    failing = TopUp.objects.get(user=user).checkout_id
    shop.fake.fail("500", times=9, path=f"/v1/checkout/sessions/{failing}", method="GET")
    assert buying.settle_overdue() == 1
    assert open_account(other.pk).bonus == pack.tokens
    assert open_account(user.pk).bonus == 0


def test_who_leaves_cannot_pay_any_more(
    user: User, pack: Pack, shop: Shop, settings: Settings
) -> None:
    buying.buy(user, pack=pack.pk, pages=PAGES)
    deletion.delete(user)
    tasks.say_goodbye()
    row = TopUp.objects.get(user=user)
    assert gateway.checkout(row.checkout_id)["status"] == "expired"
    assert row.status == "expired"


def test_who_has_paid_and_leaves(user: User, pack: Pack, shop: Shop) -> None:
    checkout.pay(buying.buy(user, pack=pack.pk, pages=PAGES))
    deletion.delete(user)
    tasks.say_goodbye()
    assert set(shop.deliver()) == {200}
    assert TopUp.objects.get(user=user).status == "paid"
