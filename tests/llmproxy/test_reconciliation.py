"""Requests whose usage never came are settled by what the provider says later."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from pytest_django import Settings

from llmproxy.models import Model
from llmproxy.providers import DIALECTS
from llmproxy.settlement.reconciliation import Report, reconcile
from llmproxy.tasks import reconcile as task
from tests.developer import MODEL, Developer, Make
from tests.fakes.upstream_process import UpstreamProcess
from tests.llmproxy.streams import CHAT, body, nothing_is_held
from tests.llmproxy.usage_lookup import PROVIDERS, environment, served_by
from tests.waiting import wait_for
from tests.webserver import WebServer, demo_server
from tokens import ledger
from tokens.ledger.verify import verify
from tokens.models import Reservation, UsageRecord
from tokens.usage.provisional import claim

pytestmark = pytest.mark.usefixtures("usage_lookup_providers")


@pytest.fixture(scope="module")
def server(upstream: UpstreamProcess, django_db_setup: None) -> Iterator[WebServer]:
    with demo_server(upstream, **environment(upstream)) as server:
        yield server


def leave(dev: Developer, directive: str, upstream: UpstreamProcess) -> UsageRecord:
    """Ask for a stream, and go after the first few events."""
    with dev.http.stream("POST", CHAT, json=body(f"[[{directive}]]")) as answer:
        for _ in itertools.islice(answer.iter_lines(), 12):
            pass
    wait_for(nothing_is_held)
    wait_for(lambda: upstream.journal()[-1]["outcome"] == "cancelled")
    (record,) = dev.receipts
    return record


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provisional_charge_follows_the_providers_usage_lookup(
    developer: Make, server: WebServer, upstream: UpstreamProcess, provider: str
) -> None:
    dev = developer(server=server)
    served_by(provider)
    Model.objects.update(weight_completion=2)
    guess = leave(dev, "n=200,d=20,prompt=777,cached=100,later=1,cost=0.25", upstream)
    assert (guess.source, guess.final, guess.provider) == ("estimated", False, provider)
    Model.objects.update(weight_completion=50)  # Too late for this request.

    assert reconcile() == Report(waiting=1)
    UsageRecord.objects.update(ask_at=timezone.now())
    assert reconcile() == Report(adjusted=1)

    (receipt,) = dev.receipts
    truth = upstream.journal()[-1]
    assert (receipt.final, receipt.source, receipt.status) == (True, "reported", "cancelled")
    assert (receipt.prompt_tokens, receipt.cached_tokens) == (777, 100)
    assert receipt.completion_tokens == truth["completion_tokens"]
    assert receipt.charged == dev.balance.used == 777 + 2 * truth["completion_tokens"]
    assert receipt.upstream_cost == Decimal("0.25")
    written = truth["completion_tokens"] * Decimal("0.01")
    assert receipt.cost == 677 * Decimal("0.001") + 100 * Decimal("0.0001") + written
    assert reconcile() == Report()
    assert verify() == []


def provisional(dev: Developer, provider: str, upstream_id: str = "gen-unknown") -> UsageRecord:
    context = ledger.HoldContext(request_id="r", endpoint="chat/completions", model=MODEL)
    hold = ledger.reserve(user_id=dev.user_id, amount=50, ttl=60, context=context)
    receipt = ledger.Receipt(
        model=MODEL,
        status="cancelled",
        source="estimated",
        final=False,
        provider=provider,
        upstream_id=upstream_id,
        completion_tokens=20,
    )
    ledger.settle(hold=hold, charge=20, receipt=receipt)
    return UsageRecord.objects.get(pk=hold.id)


@pytest.mark.parametrize(
    ("provider", "upstream_id"), [("demo", "gen-1"), ("openrouter", ""), ("long gone", "gen-1")]
)
def test_where_no_word_is_to_be_had_the_count_stands(
    developer: Make, provider: str, upstream_id: str
) -> None:
    dev = developer()
    provisional(dev, provider, upstream_id)

    assert task() == 1

    (receipt,) = dev.receipts
    assert (receipt.final, receipt.source, receipt.charged) == (True, "estimated", 20)


@pytest.mark.parametrize(("asked", "known_as"), [("openrouter", "gen-1"), ("glama", "")])
def test_a_provider_is_asked_by_its_own_id_alone(
    developer: Make, asked: str, known_as: str
) -> None:
    """The id that the hold noted may be of a provider that failed before this one."""
    record = provisional(developer(), asked, upstream_id="")
    Reservation.objects.filter(pk=record.pk).update(provider="openrouter", upstream_id="gen-1")

    (due,) = claim(at_most=10)

    assert (due.provider, due.upstream_id) == (asked, known_as)


def test_after_a_day_the_count_stands(developer: Make) -> None:
    dev = developer()
    record = provisional(dev, "openrouter")
    assert reconcile() == Report(waiting=1)

    long_ago = timezone.now() - timedelta(hours=25)
    UsageRecord.objects.filter(pk=record.pk).update(created_at=long_ago, ask_at=timezone.now())
    assert reconcile() == Report(concluded=1)
    assert dev.balance.used == 20


def test_a_provider_that_is_away_is_asked_once_a_run(developer: Make, settings: Settings) -> None:
    dev = developer()
    for _ in range(3):
        provisional(dev, "openrouter")
    settings.UPSTREAMS = {"openrouter": ("http://127.0.0.1:1/v1", "demo")}

    assert reconcile() == Report(waiting=3)
    assert all(record.ask_at and not record.final for record in dev.receipts)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": None, "tokenUsage": None},
        {"data": [], "tokenUsage": "many"},
        {"data": {"native_tokens_prompt": None}, "tokenUsage": {"promptTokens": -5}},
    ],
)
def test_nonsense_is_no_word(provider: str, answer: dict[str, object]) -> None:
    lookup = DIALECTS[provider].usage_lookup

    assert lookup
    assert lookup.read(answer) is None
    assert lookup.path_of("a/b?c").endswith("a%2Fb%3Fc")
