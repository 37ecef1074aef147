"""The catalog follows the providers' lists, and keeps what staff set."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from llmproxy.models import Model, Route
from llmproxy.providers import DIALECTS
from llmproxy.providers.base import listing
from llmproxy.sync import sync_models
from tests.fakes.upstream.process import UpstreamProcess

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demo(settings: Settings, upstream: UpstreamProcess) -> Iterator[None]:
    settings.UPSTREAMS = {"demo": (upstream.url, "demo")}
    yield
    upstream.clear()


def test_it_works() -> None:
    report = sync_models()

    assert report.synced["demo"] == Model.objects.count() == Route.objects.count() >= 6
    model = Model.objects.get(name="openai/gpt-5-mini")
    assert model.context_length
    assert model.routes.get().price_prompt
    assert Model.objects.get(name__contains="embedding").kind == "embedding"


def test_what_staff_set_stays() -> None:
    sync_models()
    Model.objects.update(weight_completion=4, visible=False, title="Ours")
    Route.objects.update(priority=7, enabled=False, price_prompt=None)

    sync_models()

    model = Model.objects.get(name="openai/gpt-5-mini")
    assert (model.weight_completion, model.visible, model.title) == (Decimal(4), False, "Ours")
    route = model.routes.get()
    assert (route.priority, route.enabled) == (7, False)
    assert route.price_prompt


def test_a_model_that_is_no_longer_listed_is_no_longer_served() -> None:
    Route.objects.create(
        model=Model.objects.create(name="old/model"), provider="demo", upstream_name="old/model"
    )

    sync_models()

    assert not Route.objects.filter(model_id="old/model").exists()
    assert Model.objects.filter(name="old/model").exists()


def test_a_provider_that_fails_keeps_its_models(settings: Settings) -> None:
    sync_models()
    before = Route.objects.count()
    settings.UPSTREAMS = {"demo": ("http://127.0.0.1:1/v1", "demo")}

    report = sync_models()

    assert list(report.failed) == ["demo"]
    assert Route.objects.count() == before
    with pytest.raises(CommandError):
        call_command("sync_models")


def test_a_dry_run_writes_nothing() -> None:
    call_command("sync_models", "--dry-run")

    assert not Model.objects.exists()


def test_requesty_spells_prices_in_its_own_way() -> None:
    entry = {"id": "a/b", "input_price": 0.000001, "output_price": "4e-06", "context_window": 8192}

    read = DIALECTS["requesty"].listing(entry)

    assert (read.price_prompt, read.price_completion) == (Decimal("0.000001"), Decimal("0.000004"))
    assert read.context_length == 8192


@pytest.mark.parametrize("price", [-1, "-1", "NaN", None, {}, "cheap", 5])
def test_a_price_that_makes_no_sense_is_unknown(price: object) -> None:
    entry = {"id": "a/b", "pricing": {"prompt": price}, "context_length": "long", "top_provider": 3}

    assert listing(entry) == listing({"id": "a/b"})
