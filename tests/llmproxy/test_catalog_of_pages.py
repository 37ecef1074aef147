"""Pages read the catalog as requests do: at most every few seconds, and soon after a change."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from llmproxy.catalog.snapshot import Catalog
from llmproxy.models import Model
from llmproxy.providers.capabilities import UNKNOWN, Capabilities
from tests.factories import RouteFactory

pytestmark = pytest.mark.django_db


def test_a_second_visit_reads_nothing(settings: Settings) -> None:
    settings.CATALOG_SECONDS = 60
    RouteFactory.create(model__name="openai/gpt-5-mini")
    catalog = Catalog()
    with CaptureQueriesContext(connection) as first:
        assert set(catalog.latest().models) == {"openai/gpt-5-mini"}
    with CaptureQueriesContext(connection) as second:
        assert catalog.latest().models
    assert (len(first) > 0, len(second)) == (True, 0)


def test_changes_are_seen_when_the_time_is_over(settings: Settings) -> None:
    settings.CATALOG_SECONDS = 0
    RouteFactory.create(model__name="openai/gpt-5-mini")
    catalog = Catalog()
    assert catalog.latest().models
    Model.objects.update(visible=False)
    assert not catalog.latest().models


def test_visits_of_the_front_do_not_read_the_catalog_each_time(
    client: Client, settings: Settings
) -> None:
    settings.CATALOG_SECONDS = 60
    RouteFactory.create(model__name="openai/gpt-5-mini")
    for path in ("/", "/models"):
        client.get(path)
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200
        assert not [query for query in asked if "llmproxy_" in query["sql"]], path


def test_capabilities_are_those_of_the_first_provider_that_says_any(settings: Settings) -> None:
    settings.UPSTREAMS = dict.fromkeys(("demo", "openrouter"), ("http://127.0.0.1:9", "demo"))
    route = RouteFactory.create(model__name="m", priority=1, capabilities={})
    described = {"supported_parameters": ["tools"], "input_modalities": ["text", "image"]}
    RouteFactory.create(
        model=route.model, provider="openrouter", priority=2, capabilities=described
    )
    model = Catalog().latest().models["m"]
    assert model.capabilities == Capabilities.from_json(described)
    RouteFactory.create(model__name="other")
    assert Catalog().latest().models["other"].capabilities == UNKNOWN
