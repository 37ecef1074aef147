"""The plan on the pages: what a change costs is shown before, and Stripe decides."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from billing.models import Invoice, Subscription
from billing.topups.packs import seed_packs
from tests.accounts.signing_in import fresh_email, signed_in
from tests.billing import checkout
from tests.billing.conftest import shop  # noqa: F401 - a fixture
from tests.billing.shop import Shop
from tests.billing.shop import subscribe as subscribe_by_api
from tests.factories import UserFactory


@pytest.fixture
def user(shop: Shop) -> User:  # noqa: F811
    made: User = UserFactory.create(email=fresh_email())
    return made


@pytest.fixture
def pro(user: User, shop: Shop) -> User:  # noqa: F811
    api = APIClient()
    signed_in(api, user)
    assert subscribe_by_api(api, "pro").status_code == 201
    shop.deliver()
    return user


def change(visitor: Client, plan: str, interval: str = "month") -> str:
    answer = visitor.post("/portal/plan/change/", {"plan": plan, "interval": interval})
    return str(answer.text if answer.status_code == 200 else answer.headers["Location"])


def test_plans_are_side_by_side_with_prices(visitor: Client) -> None:
    text = visitor.get("/portal/plan/").text
    assert "Your plan: Free" in text
    assert "20.00 USD" in text
    assert "Get Enterprise" in text
    assert "200.00 USD" in visitor.get("/portal/plan/?interval=year").text


def test_subscribing_leads_to_stripe(visitor: Client, user: User, shop: Shop) -> None:  # noqa: F811
    page = visitor.get("/portal/plan/change/?plan=pro&interval=year")
    assert "200.00 USD" in page.text
    leaving = change(visitor, "pro", "year")
    assert f"url={shop.fake.base_url}/c/pay/" in leaving  # a page that goes on by itself
    url = leaving.partition("0;url=")[2].partition('"')[0]
    checkout.pay(url)
    shop.deliver()
    text = visitor.get("/portal/plan/").text
    assert "Your plan: Pro" in text
    assert Invoice.objects.get(subscription__user=user).number in text


def test_an_upgrade_says_what_is_due_and_pays(visitor: Client, pro: User) -> None:
    page = visitor.get("/portal/plan/change/?plan=enterprise&interval=month")
    assert "Due now" in page.text
    assert change(visitor, "enterprise") == "/portal/plan/"
    assert Subscription.objects.get(user=pro).plan_id == "enterprise"


def test_a_cancellation_keeps_the_period_and_can_be_taken_back(visitor: Client, pro: User) -> None:
    assert "Cancel Pro?" in visitor.get("/portal/plan/change/?plan=free").text
    change(visitor, "free")
    text = visitor.get("/portal/plan/").text
    assert "Your plan ends on" in text
    visitor.post("/portal/plan/resume/")
    assert "Your plan ends on" not in visitor.get("/portal/plan/").text


def test_a_declined_card_is_told(visitor: Client, pro: User, shop: Shop) -> None:  # noqa: F811
    customer = pro.billing_customer.stripe_id
    shop.fake.decline(shop.card_of(customer))
    change(visitor, "enterprise")
    assert "declined" in visitor.get("/portal/plan/").text
    assert Subscription.objects.get(user=pro).plan_id == "pro"


def test_cards_lead_to_stripes_portal(visitor: Client, pro: User, shop: Shop) -> None:  # noqa: F811
    leaving = visitor.post("/portal/plan/card/")
    assert f"url={shop.fake.base_url}/" in leaving.text


@pytest.mark.parametrize("plan", ["", "nothing", "x" * 300])
def test_a_plan_that_there_is_not(visitor: Client, plan: str) -> None:
    assert visitor.get(f"/portal/plan/change/?plan={plan}").status_code == 404
    assert visitor.post("/portal/plan/change/", {"plan": plan}).status_code == 404


def test_billing_leads_to_the_plan(visitor: Client) -> None:
    assert visitor.get("/billing/").headers["Location"] == "/portal/plan/"


def test_tokens_can_be_bought_and_are_listed(visitor: Client, user: User, shop: Shop) -> None:  # noqa: F811
    seed_packs()
    leaving = visitor.post("/portal/tokens/buy/", {"pack": "small"}).text
    checkout.pay(leaving.partition("0;url=")[2].partition('"')[0])
    shop.deliver()
    text = visitor.get("/portal/tokens/").text
    assert "1,000,000" in text
    assert "Paid" in text
    visitor.post("/portal/tokens/buy/", {"pack": "nothing"})
    assert "There is no such pack." in visitor.get("/portal/tokens/").text
