"""Real clients ask for everything, understand every refusal, and are charged what they saw."""

import time
from typing import Any

import pytest

from tests.clients.playing import played
from tests.developer import MODEL, Developer, Make
from tests.factories import RouteFactory
from tests.fakes.upstream_process import UpstreamProcess
from tests.webserver import WebServer
from tokens.ledger.verify import verify
from tokens.models import Balance, Tier

EMBEDDER = "openai/text-embedding-3-small"

CLIENTS = {
    "openai for Node": "openai_node.mjs",
    "Vercel AI SDK": "ai_sdk.mjs",
    "LangChain": "langchain_openai_python.py",
}
# Scenario, status, our code, and the class that the client makes of it.
REFUSALS = {
    "openai for Node": {
        "unauthorized": (401, "invalid_api_key", "AuthenticationError"),
        "insufficient": (402, "insufficient_tokens", "APIError"),
        "limited": (429, "rate_limited", "RateLimitError"),
    },
    "Vercel AI SDK": {
        "unauthorized": (401, "invalid_api_key", "APICallError"),
        "insufficient": (402, "insufficient_tokens", "APICallError"),
        "limited": (429, "rate_limited", "APICallError"),
    },
    "LangChain": {
        "unauthorized": (401, "invalid_api_key", "OpenAIAuthenticationError"),
        "insufficient": (402, "insufficient_tokens", "APIStatusError"),
        "limited": (429, "rate_limited", "OpenAIRateLimitError"),
    },
}
# How many requests each scenario sends that are answered to the end.
REQUESTS = {"plain": 1, "stream": 1, "tools": 2, "image": 1, "json": 1, "embeddings": 1}


@pytest.mark.parametrize("client", CLIENTS)
def test_answers_refusals_and_charges_match_what_the_client_saw(
    client: str, developer: Make, web: WebServer, upstream: UpstreamProcess
) -> None:
    RouteFactory.create(model__name=EMBEDDER, model__kind="embedding")
    rich, poor, limited = developer(), developer(0), developer()
    _limit(limited, requests_per_minute=1)

    seen = played(
        CLIENTS[client],
        BASE_URL=web.base_url,
        MODEL=MODEL,
        EMBEDDER=EMBEDDER,
        RICH_KEY=rich.key,
        POOR_KEY=poor.key,
        LIMITED_KEY=limited.key,
    )

    assert {name: told for name, told in seen.items() if "failed" in told} == {}
    _understood(seen)
    for name, refusal in REFUSALS[client].items():
        told = seen[name]
        assert (told["status"], told["code"], told["type"]) == refusal, name
    _charged(rich, seen, upstream)
    assert poor.balance.used == 0
    assert verify() == []


def _limit(dev: Developer, **limits: int) -> None:
    roomy = {"tokens_per_minute": 10**6, "concurrent_requests": 9, "monthly_tokens": 10**6}
    tier, _ = Tier.objects.update_or_create(
        name="tight", defaults={"title": "Tight", **roomy, **limits}
    )
    Balance.objects.filter(user_id=dev.user_id).update(tier=tier)


def _understood(seen: dict[str, dict[str, Any]]) -> None:
    for name in ("plain", "stream", "tools", "image", "json"):
        assert seen[name]["text"], name
        assert seen[name]["tokens"], name
    assert (seen["tools"]["tool"], seen["tools"]["path"]) == ("read_file", "string")
    assert seen["embeddings"]["vectors"] == 2
    assert MODEL in seen.get("models", {"models": [MODEL]})["models"]


def _charged(dev: Developer, seen: dict[str, dict[str, Any]], upstream: UpstreamProcess) -> None:
    """What finished is charged as its client saw it; what was left, as its provider tells."""
    left = _cancelled(dev)
    journal = {one["id"]: one for one in upstream.journal()}
    journal |= {one["request_id"]: one for one in journal.values()}
    receipts = iter([receipt for receipt in dev.receipts if receipt != left])
    for name, number in REQUESTS.items():
        theirs = [next(receipts) for _ in range(number)]
        reported = sum(sum(journal[one.upstream_id]["reported"].values()) for one in theirs)
        assert sum(one.charged for one in theirs) == reported, name
        assert seen[name]["tokens"] in (reported, None), name  # LangChain tells none of embeddings.
    assert next(receipts, None) is None
    assert left.charged == sum(journal[left.upstream_id]["reported"].values())
    assert (left.source, left.final) == ("reported", True)


def _cancelled(dev: Developer) -> Any:
    """Return the receipt of the request that was left, once it is there."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for receipt in dev.receipts:
            if receipt.status == "cancelled":
                return receipt
        time.sleep(0.05)
    raise AssertionError("nothing was cancelled")
