"""A stream that would pass its hold ends as one that has reached its limit."""

import json

import pytest

from tests.developer import Make
from tokens.ledger.verify import verify


def test_a_stream_ends_with_length_at_its_reserved_output(developer: Make) -> None:
    dev = developer(1_000)

    answer = dev.chat("[[n=3000,d=1,fault=deaf]]", stream=True, max_tokens=50)

    *_, last, done = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert done == "[DONE]"
    assert json.loads(last)["choices"][0]["finish_reason"] == "length"
    (receipt,) = dev.receipts
    assert (receipt.status, receipt.source, receipt.final) == ("ok", "estimated", False)
    assert receipt.completion_tokens == 50
    assert dev.balance.available >= 0
    assert verify() == []


def test_long_tokens_are_no_more_of_them(developer: Make) -> None:
    dev = developer(1_000)

    answer = dev.chat("[[n=100,fault=wide]]", stream=True, max_tokens=100)

    assert answer.text.count("-" * 40) == 100
    (receipt,) = dev.receipts
    assert (receipt.completion_tokens, receipt.source) == (100, "reported")


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_counted_here_is_never_more_than_was_asked_for(
    developer: Make, stream: bool
) -> None:
    dev = developer(1_000)

    dev.chat("[[n=80,fault=wide+no_usage]]", stream=stream, max_tokens=100)
    dev.chat("[[n=200,fault=deaf+no_usage]]", stream=stream, max_tokens=100)

    assert [receipt.source for receipt in dev.receipts] == ["estimated"] * 2
    assert all(receipt.completion_tokens <= 100 for receipt in dev.receipts)
