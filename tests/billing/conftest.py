"""A shop for each test: the plans, sold at a fake Stripe that holds its events back."""

from collections.abc import Iterator

import pytest
import stripe
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import User
from billing.events.webhooks import EVENTS
from billing.pricing.plans import seed_plans, sell_at_stripe
from tests.accounts.signing_in import fresh_email, signed_in
from tests.billing.shop import Shop
from tests.factories import UserFactory
from tests.fakes.stripe_process import StripeProcess


@pytest.fixture(scope="package", autouse=True)
def _no_waiting() -> Iterator[None]:
    """Let Stripe's package repeat its calls at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.0)
        patch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.0)
        yield


@pytest.fixture
def shop(stripe_process: StripeProcess, settings: Settings, db: None) -> Shop:
    """Sell at the fake Stripe; its events wait until a test delivers them."""
    stripe_process.reset(keep_endpoints=False)
    endpoint = stripe_process.webhook("http://127.0.0.1:9/held", events=EVENTS)
    stripe_process.deliver("held")
    settings.STRIPE_SECRET_KEY = stripe_process.api_key
    settings.STRIPE_API_BASE = stripe_process.base_url
    settings.STRIPE_WEBHOOK_SECRET = endpoint["secret"]
    seed_plans()
    sell_at_stripe()
    return Shop(stripe_process)


@pytest.fixture
def user(shop: Shop) -> User:
    made: User = UserFactory.create(email=fresh_email())
    return made


@pytest.fixture
def caller(api: APIClient, user: User) -> APIClient:
    """The user's own client."""
    signed_in(api, user)
    return api
