"""A user who is signed in on the pages, with plans, a model and some usage."""

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from billing.pricing.plans import seed_plans
from llmproxy.models import Model
from tests.factories import RouteFactory


@pytest.fixture(autouse=True)
def _sold(db: None) -> None:
    seed_plans()


@pytest.fixture
def served(settings: Settings) -> Model:
    """A model of a provider that is set up."""
    settings.UPSTREAMS = {"demo": ("http://127.0.0.1:9", "demo")}
    route = RouteFactory.create(model__name="openai/gpt-5-mini", model__context_length=400_000)
    model: Model = route.model
    return model


@pytest.fixture
def visitor(client: Client, user: User) -> Client:
    client.force_login(user)
    return client
