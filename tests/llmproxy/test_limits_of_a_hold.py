"""A stream that would pass its hold ends as one that has reached its limit."""

import json

from tests.developer import Make
from tokens.verify import verify


def test_it_works(developer: Make) -> None:
    dev = developer(1_000)

    answer = dev.chat("[[n=3000,d=1,fault=deaf]]", stream=True, max_tokens=50)

    *_, last, done = [line[6:] for line in answer.text.splitlines() if line.startswith("data: ")]
    assert done == "[DONE]"
    assert json.loads(last)["choices"][0]["finish_reason"] == "length"
    (receipt,) = dev.receipts
    assert (receipt.status, receipt.source, receipt.final) == ("ok", "estimated", False)
    assert receipt.completion_tokens < 1_000
    assert dev.balance.available >= 0
    assert verify() == []
