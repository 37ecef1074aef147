"""Counting the functions that a request calls, in a server that runs ``tests.calls.counted``."""

from collections import Counter
from typing import Any

import httpx

_WARM_UP = 20
_ROUNDS = 30
_REQUESTS = 5

_MESSAGE = {"role": "user", "content": "[[n=50,d=0]]"}
# One token: of more, it would depend on the timing how many arrive at once.
_SHORT = {"role": "user", "content": "[[n=1,d=0]]"}
# By kind of request: its path and body.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat, JSON": ("chat/completions", {"messages": [_MESSAGE]}),
    "chat, stream": ("chat/completions", {"messages": [_SHORT], "stream": True}),
    "messages, JSON": ("messages", {"messages": [_MESSAGE], "max_tokens": 500}),
}


def calls_of(http: httpx.Client, kind: str, *, model: str) -> Counter[str]:
    """Return how often each function is called for one request of a kind.

    Of several rounds it is the one with the fewest calls: background tasks run in some.
    """
    path, body = KINDS[kind]

    def ask() -> None:
        http.post(f"/v1/{path}", json={"model": model, **body}).raise_for_status()

    for _ in range(_WARM_UP):
        ask()
    fewest: Counter[str] | None = None
    before = _counted(http)
    for _ in range(_ROUNDS):
        for _ in range(_REQUESTS):
            ask()
        after = _counted(http)
        called, before = after - before, after
        if fewest is None or called.total() < fewest.total():
            fewest = called
    assert fewest is not None
    return Counter({name: calls / _REQUESTS for name, calls in fewest.items()})


def _counted(http: httpx.Client) -> Counter[str]:
    return Counter(http.get("/calls").raise_for_status().json())
