"""Tokens are charged by kind: cache reads and writes have weights of their own."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, cast

import orjson
import pytest
from pytest_django import Settings

from llmproxy.models import Model, Route
from llmproxy.settlement.reconciliation import Report, reconcile
from tests.developer import MODEL, Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.scripted import Script, ScriptedUpstream
from tests.webserver import WebServer, demo_server
from tokens import ledger
from tokens.ledger.verify import verify
from tokens.models import UsageRecord

WEIGHTS: dict[str, Any] = {
    "weight_prompt": Decimal(2),
    "weight_completion": Decimal(5),
    "weight_cache_read": Decimal("0.2"),
    "weight_cache_write": Decimal("2.5"),
}


@pytest.fixture(scope="module")
def server(
    upstream: UpstreamProcess, scripted: ScriptedUpstream, django_db_setup: None
) -> Iterator[WebServer]:
    with demo_server(upstream, UPSTREAM_BASE_URL=scripted.url) as server:
        yield server


@pytest.fixture
def dev(developer: Make, server: WebServer) -> Developer:
    Model.objects.update(**WEIGHTS)
    return developer(server=server)


def use(dev: Developer, scripted: ScriptedUpstream, usage: dict[str, Any]) -> UsageRecord:
    choice = {"index": 0, "message": {"content": "hello"}, "finish_reason": "stop"}
    answer = orjson.dumps({"id": "c", "choices": [choice], "usage": usage})
    scripted.plays(Script([answer], kind="application/json"))
    assert dev.chat("hello", max_tokens=50).status_code == 200
    return dev.receipts[-1]


OF_OPENAI = {
    "prompt_tokens": 1000,
    "completion_tokens": 20,
    "total_tokens": 1020,
    "prompt_tokens_details": {"cached_tokens": 800, "cache_write_tokens": 150},
    "completion_tokens_details": {"reasoning_tokens": 12},
}
OF_ANTHROPIC = {
    "input_tokens": 50,
    "output_tokens": 20,
    "cache_read_input_tokens": 800,
    "cache_creation_input_tokens": 150,
}


@pytest.mark.parametrize("usage", [OF_OPENAI, OF_ANTHROPIC])
def test_each_kind_is_charged_by_its_own_weight(
    dev: Developer, scripted: ScriptedUpstream, usage: dict[str, Any]
) -> None:
    receipt = use(dev, scripted, usage)

    assert receipt.charged == 50 * 2 + 160 + 375 + 20 * 5 == dev.balance.used
    assert {name: tuple(kind) for name, kind in receipt.kinds.items()} == {
        "prompt": (50, Decimal(2)),
        "cache_read": (800, Decimal("0.2")),
        "cache_write": (150, Decimal("2.5")),
        "completion": (20, Decimal(5)),
        "surplus": (0, Decimal(5)),
    }
    assert verify() == []


def test_what_a_total_has_above_its_parts_is_charged_as_output_and_is_a_kind_of_its_own(
    dev: Developer, scripted: ScriptedUpstream
) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 450}

    receipt = use(dev, scripted, usage)

    shown = dev.http.get(f"/api/tokens/usage/{receipt.request_id}").json()
    assert receipt.charged == 100 * 2 + 350 * 5
    assert shown["kinds"]["completion"] == {"tokens": 50, "weight": "5.000"}
    assert shown["kinds"]["surplus"] == {"tokens": 300, "weight": "5.000"}
    assert (shown["completion_tokens"], shown["surplus_tokens"]) == (350, 300)
    assert verify() == []


def test_the_receipt_and_the_export_show_each_kind(
    dev: Developer, scripted: ScriptedUpstream
) -> None:
    receipt = use(dev, scripted, OF_OPENAI)

    shown = dev.http.get(f"/api/tokens/usage/{receipt.request_id}").json()
    of_kinds = shown["kinds"]
    weighed = sum(kind["tokens"] * Decimal(kind["weight"]) for kind in of_kinds.values())
    assert weighed == shown["charged"]
    assert of_kinds["cache_write"] == {"tokens": 150, "weight": "2.500"}
    assert (shown["weight_cache_read"], shown["weight_cache_write"]) == ("0.200", "2.500")
    export = dev.http.get("/api/tokens/usage?format=csv").text.splitlines()
    names, row = (line.split(",") for line in export[:2])
    told = dict(zip(names, row, strict=True))
    assert (told["cache_write_tokens"], told["surplus_tokens"]) == ("150", "0")
    (sums,) = dev.http.get("/api/tokens/usage?group_by=model").json()["results"]
    assert (sums["cached_tokens"], sums["cache_write_tokens"]) == (800, 150)


def test_a_whole_prompt_that_is_written_to_the_cache_stays_within_its_hold(
    developer: Make, server: WebServer, scripted: ScriptedUpstream
) -> None:
    Model.objects.update(**WEIGHTS)
    dev = developer(1000, server=server)

    receipt = use(
        dev,
        scripted,
        {"input_tokens": 0, "output_tokens": 50, "cache_creation_input_tokens": 8},
    )

    answer = dev.chat("hello " * 300)
    assert receipt.charged == 20 + 250
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "insufficient_tokens")
    assert answer.json()["error"]["needed"] > 300 * 2.5


def test_the_weights_of_a_model_are_listed(dev: Developer) -> None:
    (listed,) = dev.http.get("/api/llm/models").json()["data"]

    assert listed["weights"] == {
        "prompt": 2.0,
        "completion": 5.0,
        "cache_read": 0.2,
        "cache_write": 2.5,
    }


@pytest.mark.parametrize("provider", ["glama", "openrouter"])
def test_a_provider_that_tells_later_corrects_each_kind(
    developer: Make, upstream: UpstreamProcess, settings: Settings, provider: str
) -> None:
    """The receipt's weights are those of its request, also when staff have changed them since."""
    settings.UPSTREAMS = {provider: (upstream.url, "demo")}
    dev = developer()
    Model.objects.update(**WEIGHTS)
    dev.chat("[[n=5,prompt=1000,cached=900]]")
    (asked,) = dev.receipts
    Route.objects.update(provider=provider)
    context = ledger.HoldContext(request_id="r", endpoint="chat/completions", model=MODEL)
    hold = ledger.reserve(user_id=dev.user_id, amount=50, ttl=60, context=context)
    guess = ledger.Receipt(
        model=MODEL,
        status="cancelled",
        source="estimated",
        final=False,
        provider=provider,
        upstream_id=asked.upstream_id,
        completion_tokens=2,
        **cast("Any", WEIGHTS),
    )
    ledger.settle(hold=hold, charge=10, receipt=guess)
    Model.objects.update(weight_cache_read=7)

    assert reconcile() == Report(adjusted=1)

    receipt = UsageRecord.objects.get(pk=hold.id)
    assert (receipt.prompt_tokens, receipt.cached_tokens) == (1000, 900)
    assert receipt.charged == 100 * 2 + 180 + receipt.completion_tokens * 5
    assert verify() == []
