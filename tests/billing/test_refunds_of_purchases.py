"""Refunds and disputes of bought tokens that come early, again, or one after the other."""

import pytest

from accounts.models import User
from billing.entitlements.refunds import settle
from billing.models import Pack, TopUp
from billing.topups import buying, refunds
from tests.accounts.racing import race
from tests.billing import checkout
from tests.billing.shop import FREE, Shop
from tests.billing.test_buying_tokens import PAGES, bought, client, pack, refund
from tokens.ledger import open_account
from tokens.ledger.verify import verify

__all__ = ["bought", "pack"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


def charge_of(intent: str) -> str:
    return str(client().v1.payment_intents.retrieve(intent).latest_charge)


def test_a_refund_that_is_told_before_the_payment(user: User, pack: Pack, shop: Shop) -> None:
    checkout.pay(buying.buy(user, pack=pack.pk, pages=PAGES))
    payment = shop.take()
    page = TopUp.objects.get(user=user).checkout_id
    intent = client().v1.checkout.sessions.retrieve(page).payment_intent
    client().v1.refunds.create({"payment_intent": str(intent)})
    assert set(shop.deliver()) == {200}
    assert set(shop.deliver(payment)) == {200}
    row = TopUp.objects.get(user=user)
    assert (row.status, row.refunded, row.taken_back) == ("paid", row.paid, row.tokens)
    assert open_account(user.pk).available == FREE
    assert not list(verify())


def test_a_second_dispute_after_one_that_was_won(bought: TopUp, shop: Shop) -> None:
    charge = charge_of(str(bought.payment_intent))
    dispute = shop.fake.dispute(charge)["id"]
    shop.deliver()
    shop.fake.close_dispute(dispute, status="won")
    shop.deliver()
    assert open_account(bought.user_id).bonus == refunds.left_of([bought])[bought.pk]
    assert open_account(bought.user_id).bonus == bought.tokens
    shop.fake.dispute(charge)
    shop.deliver()
    bought.refresh_from_db()
    assert (bought.refunded, bought.taken_back) == (bought.paid, bought.tokens)
    assert open_account(bought.user_id).available == FREE
    assert not list(verify())


def test_refunds_in_parts_take_no_more_than_was_bought(bought: TopUp, shop: Shop) -> None:
    for part in (1, bought.paid // 3, bought.paid - 1 - bought.paid // 3):
        refund(bought, part)
        events = shop.take()
        shop.deliver([*events, *events])
    bought.refresh_from_db()
    assert (bought.refunded, bought.taken_back) == (bought.paid, bought.tokens)
    assert open_account(bought.user_id).available == FREE
    assert not list(verify())


def test_another_purchase_keeps_its_tokens(bought: TopUp, pack: Pack, shop: Shop) -> None:
    checkout.pay(buying.buy(bought.user, pack=pack.pk, pages=PAGES))
    shop.deliver()
    refund(bought)
    shop.deliver()
    assert open_account(bought.user_id).bonus == pack.tokens
    assert not list(verify())


def test_events_at_once_credit_and_take_back_once(user: User, pack: Pack, shop: Shop) -> None:
    checkout.pay(buying.buy(user, pack=pack.pk, pages=PAGES))
    page = TopUp.objects.get(user=user).checkout_id
    race(lambda: buying.settle(page), runners=6)
    row = TopUp.objects.get(user=user)
    assert open_account(user.pk).bonus == row.tokens
    refund(row, row.paid // 2)
    charge = charge_of(str(row.payment_intent))
    race(lambda: settle(charge), runners=6)
    assert open_account(user.pk).bonus == row.tokens // 2
    assert not list(verify())
