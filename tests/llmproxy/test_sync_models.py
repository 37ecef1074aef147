"""The catalog follows the providers' lists, and keeps what staff set."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from llmproxy.catalog.pricing import Weights
from llmproxy.catalog.snapshot import read
from llmproxy.catalog.sync import sync_models
from llmproxy.models import Alias, Model, PriceChange, Route, WeightChange
from llmproxy.providers import DIALECTS
from llmproxy.providers.base import listing
from llmproxy.providers.capabilities import Capabilities
from tests.fakes.upstream_process import UpstreamProcess

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _demo(settings: Settings, upstream: UpstreamProcess) -> Iterator[None]:
    settings.UPSTREAMS = {"demo": (upstream.url, "demo")}
    yield
    upstream.clear()


@contextmanager
def serving(body: str) -> Iterator[str]:
    """Answer everything with one body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_sync_creates_models_and_routes_from_the_providers_list() -> None:
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

    assert not read().models["old/model"].routes
    Route.objects.filter(model_id="old/model").update(upstream_name="openai/gpt-5", priority=3)
    sync_models()
    (route,) = read().models["old/model"].routes
    assert (route.priority, route.prices.prompt) == (3, Decimal("0.00000125"))


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


def test_a_price_that_changes_is_remembered() -> None:
    sync_models()
    first = PriceChange.objects.count()
    assert first == Route.objects.count()
    sync_models()
    assert PriceChange.objects.count() == first
    Route.objects.filter(model_id="openai/gpt-5").update(price_cached=Decimal("0.5"))

    sync_models()

    now, before = PriceChange.objects.filter(model="openai/gpt-5").order_by("-since")
    assert now.since > before.since
    assert now.price_cached == Decimal("0.000000125")


def test_a_list_that_lost_most_of_its_models_is_not_believed() -> None:
    for number in range(20):
        model = Model.objects.create(name=f"old/model-{number}")
        Route.objects.create(model=model, provider="demo", upstream_name=model.name)

    report = sync_models()

    assert "shrunk from 20" in report.failed["demo"]
    assert Route.objects.filter(listed=True).count() == 20
    call_command("sync_models", "--accept-loss")
    assert not Route.objects.filter(listed=True, model__name__startswith="old/").exists()


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "a/b", "name": "a\0b", "architecture": {"output_modalities": 5}},
        {"id": "a/b", "name": 7, "architecture": [], "pricing": "free", "context_length": True},
        {"id": "a/b", "name": "x" * 9999, "pricing": {"prompt": 10**400}},
    ],
)
def test_an_entry_of_nonsense_is_a_model_without_facts(
    settings: Settings, entry: dict[str, object]
) -> None:
    body = json.dumps({"data": [entry, entry, 5, None, {"id": "a\0b"}, {"id": 7}]})
    with serving(body) as url:
        settings.UPSTREAMS = dict.fromkeys(DIALECTS, (url, ""))
        sync_models()

    assert Model.objects.get().context_length is None
    assert Route.objects.count() == 3


def test_glama_leaves_prices_out() -> None:
    read_by_glama = DIALECTS["glama"].listing

    unpriced = read_by_glama({"id": "anthropic/claude-sonnet-4-5-20250929"})
    priced = read_by_glama({"id": "openai/gpt-5", "pricing": {"prompt": "1e-6"}})

    assert (unpriced.price_prompt, unpriced.price_cached) == (Decimal("3e-6"), Decimal("3e-7"))
    assert (priced.price_prompt, priced.price_completion) == (Decimal("1e-6"), None)
    assert read_by_glama({"id": "who/knows"}).price_prompt is None


def test_an_alias_is_another_name() -> None:
    sync_models()
    Alias.objects.create(name="fast", model_id="openai/gpt-5-mini")

    sync_models()

    assert read().aliases == {"fast": "openai/gpt-5-mini"}


CACHING = {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "0.0000003"}


def listed(settings: Settings, **pricing: str) -> Weights:
    """Have one model listed at these prices; return what its tokens are charged then."""
    body = json.dumps({"data": [{"id": "a/b", "pricing": pricing}]})
    with serving(body) as url:
        settings.UPSTREAMS = {"other": (url, "k")}
        assert not sync_models().failed
    return read().models["a/b"].weights


@pytest.mark.parametrize(
    ("prices", "reads", "writes"),
    [
        ({"input_cache_read": "0.0000003", "input_cache_write": "0.00000375"}, "0.1", "1.25"),
        ({"input_cache_read": "0.000001"}, "0.333", "1"),
        ({"input_cache_read": "0", "input_cache_write": "0"}, "1", "1"),
        ({"input_cache_read": "0.9"}, "1", "1"),
        ({"input_cache_read": "0.0000003", "prompt": "0"}, "1", "1"),
        ({}, "1", "1"),
    ],
)
def test_cached_tokens_weigh_what_the_providers_prices_say(
    settings: Settings, prices: dict[str, str], reads: str, writes: str
) -> None:
    """Beside a prompt token; as one where no price is listed, or one that makes no sense."""
    weights = listed(settings, **{"prompt": "0.000003", "completion": "0.000015", **prices})

    assert (weights.of_reads, weights.of_writes) == (Decimal(reads), Decimal(writes))


def test_the_weights_of_cached_tokens_follow_prices_and_the_prompts_weight(
    settings: Settings,
) -> None:
    listed(settings, **CACHING)
    Model.objects.update(weight_prompt=2)
    assert read().models["a/b"].weights.of_reads == Decimal("0.2")

    assert listed(settings, **CACHING | {"input_cache_read": "0.0000015"}).of_reads == 1


def test_a_weight_that_staff_set_stays_whatever_the_provider_lists(settings: Settings) -> None:
    listed(settings, **CACHING)
    Model.objects.update(weight_cache_read=Decimal(0), weight_cache_write=Decimal("1.5"))

    weights = listed(settings, **CACHING | {"input_cache_read": "0.0000015"})

    assert (weights.cache_read, weights.cache_write) == (Decimal(0), Decimal("1.5"))


def test_the_provider_that_is_asked_first_decides(settings: Settings) -> None:
    listed(settings, **CACHING)
    first = Route.objects.create(
        model_id="a/b",
        provider="first",
        upstream_name="a/b",
        price_prompt=Decimal("0.000002"),
        price_cached=Decimal("0.000001"),
        priority=1,
    )

    assert listed(settings, **CACHING).of_reads == Decimal("0.5")
    first.enabled = False
    first.save()
    assert listed(settings, **CACHING).of_reads == Decimal("0.1")


def test_weights_that_change_are_remembered(settings: Settings) -> None:
    listed(settings, **CACHING)
    listed(settings, **CACHING)
    assert WeightChange.objects.filter(model="a/b").count() == 1

    listed(settings, **CACHING | {"input_cache_read": "0.0000015"})

    now, before = WeightChange.objects.filter(model="a/b").order_by("-since")
    assert (before.weight_cache_read, now.weight_cache_read) == (Decimal("0.1"), Decimal("0.5"))
    assert now.weight_cache_write == now.weight_prompt == 1


def test_requesty_and_glama_tell_the_price_of_cache_writes() -> None:
    entry = {"id": "anthropic/claude-sonnet-4.5", "caching_price": 3.75e-06}

    for name in ("requesty", "glama"):
        assert DIALECTS[name].listing(entry).price_cache_write == Decimal("0.00000375")


def test_what_models_can_do_is_kept_as_each_provider_lists_it() -> None:
    sync_models()

    route = Route.objects.get(model="openai/gpt-5-mini")
    assert "tools" in route.capabilities["supported_parameters"]
    assert "text" in route.capabilities["input_modalities"]
    read_by = {name: dialect.listing for name, dialect in DIALECTS.items()}
    glama = {"id": "m", "capabilities": ["input:text", "input:image", "function_calling", 7]}
    assert read_by["glama"](glama).capabilities == Capabilities(
        ("text", "image"), (), ("max_tokens", "tools", "tool_choice")
    )
    requesty = {"id": "m", "supports_vision": True, "supports_reasoning": True}
    assert read_by["requesty"](requesty).capabilities == Capabilities(
        ("text", "image"), ("text",), ("max_tokens", "reasoning")
    )
