"""Counting the functions that a request calls, in a server that runs ``tests.calls.counted``."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

_WARM_UP = 20
_TURNS = 60

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
    """Return how often each function is called for one request of a kind."""
    path, body = KINDS[kind]

    def ask() -> None:
        http.post(f"/v1/{path}", json={"model": model, **body}).raise_for_status()

    for _ in range(_WARM_UP):
        ask()
    of_counting = _fewest(http, lambda: None)
    return _fewest(http, ask) - of_counting


def _fewest(http: httpx.Client, ask: Callable[[], None]) -> Counter[str]:
    """Return the calls of the turn with the fewest: background tasks run in some."""
    turns = []
    before = _counted(http)
    for _ in range(_TURNS):
        ask()
        after = _counted(http)
        turns.append(after - before)
        before = after
    return min(turns, key=Counter.total)


def _counted(http: httpx.Client) -> Counter[str]:
    return Counter(http.get("/calls").raise_for_status().json())
