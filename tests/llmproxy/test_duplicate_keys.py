"""Where a key is given twice the last one counts: for what is held, and for the provider."""

import json
from typing import Any

from llmproxy.protocol import calls

BODY = (
    b'{"model":"first","model":"last","max_tokens":7000,"max_tokens":2,"stream":true,"stream":false,'
    b'"messages":[],"messages":[{"role":"user","content":"a","content":"b"}]}'
)


def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in found]
    assert len(names) == len(set(names)), names
    return dict(found)


def test_the_last_one_is_read() -> None:
    call = calls.parse(calls.CHAT, BODY)

    assert (call.model, call.max_output, call.stream) == ("last", 2, False)


def test_the_provider_gets_each_key_once() -> None:
    call = calls.parse(calls.CHAT, BODY)

    sent = json.loads(
        calls.for_upstream(call, model="upstream/last", max_output=2), object_pairs_hook=pairs
    )

    assert (sent["model"], sent["max_tokens"]) == ("upstream/last", 2)
    assert sent["messages"] == [{"role": "user", "content": "b"}]
