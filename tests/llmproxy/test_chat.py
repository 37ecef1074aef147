"""A chat completion through the proxy: relayed, metered, charged exactly."""

import json
from typing import Any

import pytest

from tests.developer import Make
from tests.fakes.upstream_process import UpstreamProcess
from tokens.ledger.verify import verify


def events(body: str) -> list[str]:
    return [line[6:] for line in body.splitlines() if line.startswith("data: ")]


def test_a_completion_is_relayed_and_charged_by_its_usage(
    developer: Make, upstream: UpstreamProcess
) -> None:
    dev = developer(100_000)

    answer = dev.chat("hello [[n=12]]")

    assert answer.status_code == 200, answer.text
    usage = answer.json()["usage"]
    assert usage["completion_tokens"] == 12
    assert dev.balance.used == usage["total_tokens"]
    assert dev.balance.reserved == 0
    assert verify() == []


def test_a_stream_is_relayed_in_whole_and_charged_exactly(developer: Make) -> None:
    dev = developer(100_000)

    answer = dev.chat("hello [[n=30]]", stream=True)

    assert answer.headers["content-type"] == "text/event-stream"
    *chunks, done = events(answer.text)
    assert done == "[DONE]"
    assert all("usage" not in json.loads(chunk) for chunk in chunks)
    (receipt,) = dev.receipts
    assert (receipt.status, receipt.source, receipt.completion_tokens) == ("ok", "reported", 30)
    assert receipt.charged == receipt.prompt_tokens + 30 == dev.balance.used
    assert verify() == []


@pytest.mark.parametrize(
    "asked", [{"stream_options": {"include_usage": True}}, {"usage": {"include": True}}], ids=str
)
def test_usage_is_shown_to_who_asks_for_it(asked: dict[str, Any], developer: Make) -> None:
    dev = developer()

    answer = dev.chat("[[n=5]]", stream=True, **asked)

    last = json.loads(events(answer.text)[-2])
    assert (last["choices"], last["usage"]["completion_tokens"]) == ([], 5)


def test_the_headers_tell_what_is_held(developer: Make) -> None:
    dev = developer(50_000)

    answer = dev.chat("[[n=5]]", stream=True, max_tokens=100)

    reserved = int(answer.headers["x-tokens-reserved"])
    assert 100 < reserved < 200
    assert int(answer.headers["x-tokens-available"]) == 50_000 - reserved
    assert answer.headers["x-llm-provider"] == "demo"
    assert answer.headers["x-request-id"] == dev.receipts[0].request_id


def test_unknown_fields_reach_the_upstream(developer: Make, upstream: UpstreamProcess) -> None:
    dev = developer()
    upstream.clear()

    dev.chat("[[n=1]]", x_new_field={"deep": [1]}, temperature=0.5)

    (seen,) = upstream.journal()
    assert {"x_new_field", "temperature"} <= set(seen["keys"])


def test_nobody_spends_more_than_he_has(developer: Make) -> None:
    dev = developer(60)

    answer = dev.chat("[[n=1000]]", stream=True)

    assert answer.status_code == 200
    assert dev.balance.available >= 0
    assert dev.balance.overdrawn == 0
    refused = dev.chat("[[n=1000]]")
    assert refused.status_code == 402
    error = refused.json()["error"]
    assert error["code"] == "insufficient_tokens"
    assert error["needed"] > error["available"] == dev.balance.available
    assert error["resets_at"]
    assert error["upgrade_url"]


def test_the_balance_can_be_read_over_http(developer: Make) -> None:
    dev = developer(100_000)
    charged = dev.chat("[[n=9]]").json()["usage"]["total_tokens"]

    balance = dev.http.get("/api/tokens/balance").json()

    assert balance["used"] == charged
    assert balance["available"] == 100_000 - charged
    receipt = dev.http.get(f"/api/tokens/usage/{dev.receipts[0].request_id}").json()
    assert (receipt["charged"], receipt["settlement"]) == (charged, "final")
