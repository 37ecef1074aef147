"""Tokens that are bought once: credited once by payment, and taken back by refunds."""

import random
from datetime import timedelta

import pytest
import stripe
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from billing.errors import BillingUnavailable, UnknownPack
from billing.events import sync
from billing.models import Pack, TopUp
from billing.stripe import customers, gateway
from billing.topups import buying
from billing.topups.packs import seed_packs
from core.errors import ApiError
from tests.billing import checkout
from tests.billing.shop import FREE, Shop
from tests.tokens.spending import spend
from tokens.ledger import open_account
from tokens.ledger.verify import verify
from tokens.models import Grant

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = "http://testserver"


@pytest.fixture
def pack(shop: Shop) -> Pack:
    seed_packs()
    return Pack.objects.get(pk="small")


@pytest.fixture
def bought(shop: Shop, user: User, pack: Pack) -> TopUp:
    """A purchase that is paid, and credited."""
    checkout.pay(buying.buy(user, pack=pack.pk, pages=PAGES))
    assert set(shop.deliver()) == {200}
    return TopUp.objects.get(user=user)


def refund(row: TopUp, amount: int | None = None) -> None:
    client().v1.refunds.create(
        {"payment_intent": str(row.payment_intent), **({"amount": amount} if amount else {})}
    )


def client() -> stripe.StripeClient:
    return gateway._client_for(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE)


def test_nothing_is_credited_before_the_payment(user: User, pack: Pack, shop: Shop) -> None:
    url = buying.buy(user, pack=pack.pk, pages=PAGES)
    shop.deliver()
    assert url.startswith(shop.fake.base_url)
    assert open_account(user.pk).available == FREE
    assert TopUp.objects.get(user=user).status == "open"


def test_a_payment_is_credited_once_whatever_events_come(
    user: User, pack: Pack, shop: Shop
) -> None:
    checkout.pay(buying.buy(user, pack=pack.pk, pages=PAGES))
    events = shop.take()
    for seed in range(3):
        again = random.Random(seed).sample(events, len(events))
        assert set(shop.deliver(again)) == {200}
        buying.settle(TopUp.objects.get(user=user).checkout_id)
    row = TopUp.objects.get(user=user)
    assert open_account(user.pk).bonus == pack.tokens
    assert (row.status, row.paid, row.tokens) == ("paid", pack.price, pack.tokens)
    grant = Grant.objects.get(source=row.source)
    assert grant.expires_at == row.expires_at
    assert row.expires_at
    assert abs(row.expires_at - timezone.now() - timedelta(days=365)) < timedelta(minutes=5)
    assert not list(verify())


def test_a_lost_event_is_made_up_for(user: User, pack: Pack, shop: Shop) -> None:
    checkout.pay(buying.buy(user, pack=pack.pk, pages=PAGES))
    shop.take()
    TopUp.objects.update(created_at=timezone.now() - timedelta(minutes=20))
    assert buying.settle_overdue() == 1
    assert open_account(user.pk).bonus == pack.tokens
    assert buying.settle_overdue() == 0


def test_what_was_offered_is_what_is_credited(user: User, pack: Pack, shop: Shop) -> None:
    url = buying.buy(user, pack=pack.pk, pages=PAGES)
    Pack.objects.filter(pk=pack.pk).update(tokens=5, price=1)
    checkout.pay(url)
    shop.deliver()
    assert open_account(user.pk).bonus == pack.tokens


def test_a_page_that_nobody_pays_expires(user: User, pack: Pack, shop: Shop) -> None:
    buying.buy(user, pack=pack.pk, pages=PAGES)
    row = TopUp.objects.get(user=user)
    client().v1.checkout.sessions.expire(row.checkout_id)
    shop.deliver()
    row.refresh_from_db()
    assert row.status == "expired"
    assert open_account(user.pk).bonus == 0


def test_a_refund_takes_back_the_tokens_of_the_purchase(bought: TopUp, shop: Shop) -> None:
    refund(bought)
    shop.deliver()
    shop.deliver()
    bought.refresh_from_db()
    balance = open_account(bought.user_id)
    assert (balance.bonus, balance.available) == (0, FREE)
    assert (bought.refunded, bought.taken_back) == (bought.paid, bought.tokens)
    assert not list(verify())


def test_a_part_takes_back_its_part(bought: TopUp, shop: Shop) -> None:
    refund(bought, bought.paid // 5)
    shop.deliver()
    assert open_account(bought.user_id).bonus == bought.tokens * 4 // 5


def test_what_is_spent_is_not_taken_from_the_allowance(bought: TopUp, shop: Shop) -> None:
    Grant.objects.filter(source=bought.source).update(expires_at=timezone.now() + timedelta(days=1))
    spend(bought.user, bought.tokens - 1_000)
    refund(bought)
    shop.deliver()
    balance = open_account(bought.user_id)
    assert (balance.bonus, balance.available) == (0, FREE)
    bought.refresh_from_db()
    assert bought.taken_back == 1_000


def test_a_refund_without_an_event_is_found_at_night(bought: TopUp, shop: Shop) -> None:
    refund(bought)
    shop.take()
    lines = sync.sync(dry_run=False)
    assert any("of purchase" in line for line in lines)
    assert open_account(bought.user_id).bonus == 0


def test_a_dispute_that_is_won_gives_back(bought: TopUp, shop: Shop) -> None:
    charge = client().v1.payment_intents.retrieve(str(bought.payment_intent)).latest_charge
    dispute = shop.fake.dispute(str(charge))["id"]
    shop.deliver()
    assert open_account(bought.user_id).bonus == 0
    shop.fake.close_dispute(dispute, status="won")
    shop.deliver()
    assert open_account(bought.user_id).bonus == bought.tokens
    assert not list(verify())


@pytest.mark.parametrize("pack_name", ["nothing", "hidden"])
def test_only_what_is_on_sale(user: User, pack: Pack, pack_name: str) -> None:
    Pack.objects.create(name="hidden", tokens=1, price=1, public=False)
    with pytest.raises(UnknownPack):
        buying.buy(user, pack=pack_name, pages=PAGES)


def test_without_stripe_nothing_is_sold(user: User, pack: Pack, settings: Settings) -> None:
    settings.STRIPE_SECRET_KEY = ""
    with pytest.raises(BillingUnavailable):
        buying.buy(user, pack=pack.pk, pages=PAGES)


def test_a_page_that_stripe_refuses_leaves_no_open_purchase(
    user: User, pack: Pack, shop: Shop
) -> None:
    customers.ensure(user)
    shop.fake.fail("500", times=9, path="/v1/checkout/sessions", method="POST")
    with pytest.raises(ApiError):
        buying.buy(user, pack=pack.pk, pages=PAGES)
    assert TopUp.objects.get(user=user).status == "expired"


def test_packs_are_seeded_once(shop: Shop) -> None:
    assert seed_packs() == ["small", "medium", "large"]
    Pack.objects.filter(pk="large").delete()
    assert seed_packs() == []
